package io.github.hermeszmq;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Envelopes that one call has fetched, in memory of the library, of which {@link #take} makes objects one by one.
 * Not synchronised.
 */
final class Batch {
    // The layout that hermes_batch_memory() promises, in bytes.
    private static final int FIRST = 8;
    private static final int ENVELOPE = 80;
    private static final int TOPIC = 0;
    private static final int ORIGIN = 16;
    private static final int DATA = 32;
    private static final int TS = 48;
    private static final int RECEIVED = 56;
    private static final int LOST = 64;
    private static final int FLAGS = 72;

    private static final int HAS_TRACEPARENT = 2; // a flag: the text is behind the data and its NUL
    private static final int TRACEPARENT = 55; // its length

    /** Texts of one envelope that are not longer are copied into the heap together. */
    private static final int ROOM = 4096;

    private final byte[] room; // of its queue
    private final long address; // 0: freed
    private final long length;
    private final ByteBuffer memory;
    private final int size;
    private int next;

    /** A buffer for the batches of one queue. */
    static byte[] newRoom() {
        return new byte[ROOM];
    }

    /** Owns the batch at the address, whose memory has that length. */
    Batch(long address, long length, byte[] room) {
        this.address = address;
        this.length = length;
        this.room = room;
        memory = Calls.view(address, Math.min(length, Integer.MAX_VALUE));
        size = Math.toIntExact(memory.getLong(0));
    }

    /** How many have not been taken. */
    int left() {
        return size - next;
    }

    void free() {
        next = size;
        Calls.batchFree(address);
    }

    /**
     * The next one; there must be one. Never throws for want of memory: the library has counted the envelope as
     * delivered, so the error is part of it.
     */
    Envelope take() {
        int at = FIRST + ENVELOPE * next++;
        double ts = memory.getDouble(at + TS);
        double received = memory.getDouble(at + RECEIVED);
        long lost = memory.getLong(at + LOST);
        String topic = "";
        String origin = "";
        try {
            int begin = beginOf(at, TOPIC);
            int all = Math.addExact(beginOf(at, DATA), lengthOf(at, DATA)) - begin;
            boolean together = all <= room.length;
            if (together) memory.get(begin, room, 0, all);
            topic = text(at, TOPIC, begin, together);
            origin = text(at, ORIGIN, begin, together);
            String data = text(at, DATA, begin, together);
            return new Envelope(topic, origin, data, ts, received, lost, traceparent(at), null, null);
        } catch (OutOfMemoryError | ArithmeticException | IndexOutOfBoundsException tooLarge) {
            long bytes = memory.getLong(at + DATA + 8);
            HermesException error = new HermesException(
                    ErrorCode.ENOMEM, "an envelope with " + bytes + " bytes of data cannot be converted: " + tooLarge);
            ByteBuffer raw = Native.copy(address + at + memory.getLong(at + DATA), bytes);
            return new Envelope(topic, origin, null, ts, received, lost, error, raw);
        }
    }

    private String traceparent(int at) {
        if ((memory.getLong(at + FLAGS) & HAS_TRACEPARENT) == 0) return null;
        byte[] bytes = new byte[TRACEPARENT];
        memory.get(beginOf(at, DATA) + lengthOf(at, DATA) + 1, bytes);
        return new String(bytes, StandardCharsets.US_ASCII);
    }

    private int beginOf(int at, int field) {
        return Math.toIntExact(at + memory.getLong(at + field));
    }

    private int lengthOf(int at, int field) {
        return Math.toIntExact(memory.getLong(at + field + 8));
    }

    /** A text; {@code copied} tells that the room has the memory from {@code begin} on. */
    private String text(int at, int field, int begin, boolean copied) {
        int length = lengthOf(at, field);
        int from = beginOf(at, field);
        if (copied) return new String(room, from - begin, length, StandardCharsets.UTF_8);
        byte[] bytes = new byte[length];
        memory.get(from, bytes, 0, length);
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
