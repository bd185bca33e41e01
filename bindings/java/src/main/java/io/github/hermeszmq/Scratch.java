package io.github.hermeszmq;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicReference;

/** Memory outside the heap for the arguments of one call. One thread uses it at a time. */
final class Scratch {
    /** A larger one is not kept. */
    private static final int MOST_KEPT = 1 << 16;

    private static final int LEAST = 1 << 10;

    final ByteBuffer bytes;
    final long address;

    Scratch(int size) {
        bytes = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
        address = com.sun.jna.Pointer.nativeValue(com.sun.jna.Native.getDirectBufferPointer(bytes));
    }

    /** The spare one of an object that any thread may use. Two threads at once use two. */
    static final class Spare {
        private final AtomicReference<Scratch> kept = new AtomicReference<>();

        /** One of at least that size. */
        Scratch take(int size) {
            Scratch scratch = kept.getAndSet(null);
            return scratch != null && scratch.bytes.capacity() >= size ? scratch : new Scratch(roomFor(size));
        }

        void give(Scratch scratch) {
            if (scratch.bytes.capacity() <= MOST_KEPT) kept.setRelease(scratch);
        }

        private static int roomFor(int size) {
            return size > MOST_KEPT ? size : Math.max(LEAST, Integer.highestOneBit(size) << 1);
        }
    }
}
