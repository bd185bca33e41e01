package io.github.hermeszmq;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Wakes the threads that wait for a receiver, one after the other: a thread that has taken something wakes the next,
 * for there may be more. A count of the wake-ups that a thread reads before it looks keeps one from being missed
 * between the look and the wait.
 */
final class Signal {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition woken = lock.newCondition();
    private long count;
    private int socket = -1; // of hermes_pipe, once asked for
    private boolean listening; // Wakeups watches it
    private boolean over; // it has ended, and there is no other

    /** How often it has woken so far; to be read before a look. */
    long count() {
        lock.lock();
        try {
            return count;
        } finally {
            lock.unlock();
        }
    }

    /** There may be something to take. */
    void wake() {
        lock.lock();
        try {
            count++;
            woken.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Something has ended: everyone is to look. */
    void wakeAll() {
        lock.lock();
        try {
            count++;
            woken.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Lets the next thread look that waits. */
    void pass() {
        lock.lock();
        try {
            woken.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Waits for so many nanoseconds at most, unless it has woken since. False: the time is up. */
    boolean await(long seen, long nanoseconds) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            if (count != seen) return true;
            return nanoseconds > 0 && woken.awaitNanos(nanoseconds) > 0;
        } finally {
            lock.unlock();
        }
    }

    /** The socket has ended: the object is closed, or soon will be. */
    void over() {
        lock.lock();
        try {
            over = true;
        } finally {
            lock.unlock();
        }
        unwatched();
    }

    /** Nothing wakes it any more. */
    void unwatched() {
        lock.lock();
        try {
            listening = false;
            count++;
            woken.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Has the library wake it from now on. False where that is not possible now: the handle is closed, as the next look
     * tells, or the system has no room for it.
     */
    boolean listen(long handle) {
        int fd;
        lock.lock();
        try {
            if (over || listening) return listening;
            if (socket < 0) socket = Native.hermes_pipe(handle);
            if (socket < 0) return false;
            fd = socket;
            listening = true; // before it is, so that nothing which ends it is overwritten
        } finally {
            lock.unlock();
        }
        try {
            Wakeups.watch(fd, this); // without the lock, which Wakeups takes while it holds its own
            return true;
        } catch (HermesException noRoom) {
            unwatched();
            return false;
        }
    }
}
