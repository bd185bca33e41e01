package io.github.hermeszmq;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The threads that wait for envelopes of one receiver, parked until {@link PipePoller} wakes them.
 *
 * <p>Rules: a wake-up wakes one thread; when that returns from receive it wakes the next, since more envelopes may
 * be queued. A thread reads {@link #count} before it tries to receive and passes it to {@link #await}, which
 * returns at once if there was a wake-up in between; so none is missed.
 *
 * <p>Locks: {@link #lock} guards all fields. It may be taken while PipePoller's monitor is held; PipePoller is never
 * called with it held.
 */
final class Waiters {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition woken = lock.newCondition();
    private long count;
    private int socket = -1; // of hermes_pipe; -1 before the first watch
    private boolean watched; // PipePoller has the socket
    private boolean closed; // the socket is closed; there will be no other

    /** The number of wake-ups so far. Read it before trying to receive. */
    long count() {
        lock.lock();
        try {
            return count;
        } finally {
            lock.unlock();
        }
    }

    /** Wakes one thread: envelopes may be queued. */
    void wake() {
        lock.lock();
        try {
            count++;
            woken.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Wakes all threads: the receiver or its node was closed. */
    void wakeAll() {
        lock.lock();
        try {
            count++;
            woken.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Wakes the next thread, without counting a wake-up. */
    void wakeNext() {
        lock.lock();
        try {
            woken.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Waits for a wake-up after {@code seen}, for at most so many nanoseconds. False when that time has passed. */
    boolean await(long seen, long nanoseconds) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            if (count != seen) return true;
            return nanoseconds > 0 && woken.awaitNanos(nanoseconds) > 0;
        } finally {
            lock.unlock();
        }
    }

    /** The library closed the socket: the receiver is closed, or about to be. */
    void closed() {
        lock.lock();
        try {
            closed = true;
        } finally {
            lock.unlock();
        }
        watchFailed();
    }

    /** PipePoller no longer watches the socket: wakes all threads, which then watch again or wait in the library. */
    void watchFailed() {
        lock.lock();
        try {
            watched = false;
            count++;
            woken.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Has PipePoller watch the receiver's socket, opening it first. False if that is not possible now: the handle is
     * closed, which the next receive reports, or the system has no descriptor or thread left.
     */
    boolean watch(long handle) {
        int fd;
        lock.lock();
        try {
            if (closed || watched) return watched;
            if (socket < 0) socket = Native.hermes_pipe(handle);
            if (socket < 0) return false;
            fd = socket;
            watched = true; // set before the call, so that a concurrent watchFailed() is not overwritten
        } finally {
            lock.unlock();
        }
        try {
            PipePoller.watch(fd, this); // without the lock: see the lock order above
            return true;
        } catch (HermesException noRoom) {
            watchFailed();
            return false;
        }
    }
}
