package io.github.hermeszmq;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * What a receiver has fetched ahead, so that one call into the library serves many envelopes.
 *
 * <p>Rules
 * <ul>
 *   <li>One thread fetches at a time, so that each thread gets envelopes in order. One that comes meanwhile waits for
 *       it, or is told that there is nothing; then the thread that has fetched wakes it ({@link Waiters#wake}).
 *   <li>About {@link #PACE_NS} of work is fetched ahead: for a slow program one envelope. To the library, which drops
 *       what comes while its queue is full and nothing is taken for a while, it must not look stalled.
 *   <li>What was fetched ahead counts as queued ({@link #correct}), and is dropped when the receiver is closed.
 * </ul>
 *
 * <p>Locks: {@link #lock} guards all fields. Calls of the library that do not wait are made with it held, and
 * those that wait without it. Waiters.lock is not taken meanwhile.
 */
final class ReceiveQueue {
    /** The most envelopes that are fetched ahead. */
    private static final int MOST = 256;

    /** How long what was fetched ahead should last. */
    private static final long PACE_NS = 100_000_000;

    private final ReentrantLock lock = new ReentrantLock();
    private final long handle;
    private final Waiters waiters;
    private final Condition changed = lock.newCondition(); // no thread fetches any more
    private final Scratch out = new Scratch(2 * Long.BYTES); // of the thread that fetches: the batch, and its length
    private final byte[] room = Batch.newRoom();
    private Batch batch; // null: nothing was fetched ahead
    private boolean fetching; // a thread waits in the library
    private boolean refused; // another thread has come meanwhile
    private boolean closed;
    private int pace = 1; // how many envelopes the program takes in PACE_NS, as far as is known
    private int fetched; // how many the last call has brought; 0: their time has been noted
    private long fetchedAt;

    ReceiveQueue(long handle, Waiters waiters) {
        this.handle = handle;
        this.waiters = waiters;
    }

    /** The oldest envelope that was fetched ahead, or null. */
    Envelope poll() {
        lock.lock();
        try {
            return batch == null ? null : takeOne();
        } finally {
            lock.unlock();
        }
    }

    private Envelope takeOne() {
        try {
            return batch.take();
        } finally {
            if (batch.left() == 0) freeBatch();
        }
    }

    private void freeBatch() {
        batch.free();
        batch = null;
    }

    /**
     * Takes up to {@code max} envelopes. Waits for the first one, at most so many milliseconds, and returns ETIMEOUT
     * then, or the code with which fetching failed.
     */
    int take(int timeout, int max, List<Envelope> into) {
        boolean wake = false;
        lock.lock();
        try {
            if (batch == null && fetching && !awaitFetched(timeout)) return ErrorCode.ETIMEOUT.number();
            if (batch == null) {
                refused = false;
                int code = fetch(timeout, Math.max(max, currentPace()));
                wake = refused;
                if (code != 0) return code;
            }
            while (batch != null && into.size() < max) into.add(takeOne());
            if (batch != null && closed) freeBatch();
            wake |= batch != null;
            return 0;
        } finally {
            lock.unlock();
            if (wake) waiters.wake();
        }
    }

    /** Waits until no thread fetches. False if the time is up first, or this thread is interrupted, which it stays. */
    private boolean awaitFetched(int timeout) {
        long left = TimeUnit.MILLISECONDS.toNanos(timeout);
        try {
            while (fetching && left > 0) left = changed.awaitNanos(left);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        refused |= fetching;
        return !fetching;
    }

    /** Fetches up to {@code most}. Waits without the lock. */
    private int fetch(int timeout, int most) {
        fetching = true;
        if (timeout != 0) lock.unlock();
        int code;
        try {
            code = Calls.recvBatch(handle, most, timeout, out.address);
        } finally {
            if (timeout != 0) lock.lock();
            fetching = false;
            changed.signalAll();
        }
        if (code != 0) return code;
        long address = out.bytes.getLong(0);
        long memory = Calls.batchMemory(address, out.address + Long.BYTES);
        batch = new Batch(memory, out.bytes.getLong(Long.BYTES), room);
        fetched = batch.left();
        fetchedAt = System.nanoTime();
        return 0;
    }

    /** Notes how long the last envelopes that were fetched have lasted, and returns the new pace. */
    private int currentPace() {
        if (fetched == 0) return pace;
        long lasted = System.nanoTime() - fetchedAt;
        if (lasted > PACE_NS) pace = (int) Math.max(1, fetched * PACE_NS / lasted);
        else if (lasted < PACE_NS / 2) pace = Math.min(MOST, 2 * pace);
        fetched = 0;
        return pace;
    }

    /** Drops what was fetched ahead, and whatever will be. */
    void close() {
        lock.lock();
        try {
            closed = true;
            if (batch != null) freeBatch();
        } finally {
            lock.unlock();
        }
    }

    // ---- Counters

    private static final Pattern COUNTER = Pattern.compile("\"(queued|delivered)\":(\\d+)");

    /** The library's counters, with what was fetched ahead counted as queued. */
    String correct(Supplier<String> stats) {
        lock.lock();
        try {
            String text = stats.get();
            int ahead = batch == null ? 0 : batch.left();
            return ahead == 0 ? text : COUNTER.matcher(text).replaceAll(counter -> corrected(counter, ahead));
        } finally {
            lock.unlock();
        }
    }

    private static String corrected(MatchResult counter, int ahead) {
        long value = Long.parseLong(counter.group(2));
        boolean queued = counter.group(1).equals("queued");
        return '"' + counter.group(1) + "\":" + (queued ? value + ahead : value - ahead);
    }
}
