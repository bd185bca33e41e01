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
    private boolean listening;

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

    /** Has the library wake it from now on. Where the handle is closed, the next look tells. */
    void listen(long handle) {
        lock.lock();
        try {
            if (listening) return;
            int fd = Native.hermes_pipe(handle);
            if (fd == ErrorCode.EBADHANDLE.number()) return;
            if (fd < 0) throw Native.failure(fd);
            Wakeups.watch(fd, this::wake);
            listening = true;
        } finally {
            lock.unlock();
        }
    }
}
