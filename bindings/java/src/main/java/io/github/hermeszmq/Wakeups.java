package io.github.hermeszmq;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * One thread that waits for the sockets (hermes_pipe) of all receivers that wait in Java.
 *
 * <p>A thread that waits inside a native call cannot be interrupted, and a virtual one holds its carrier
 * meanwhile. So only this one does: the others are parked, which costs nothing, and it wakes them.
 *
 * <p>Where waiting fails (the program has closed our descriptors, or there is none left), it begins anew, at most every
 * {@link #PAUSE_NS}; until that succeeds {@link #watch} throws, and threads wait inside the library instead.
 */
final class Wakeups {
    private static final int EPOLL_CLOEXEC = 0x80000;
    private static final int EPOLL_CTL_ADD = 1;
    private static final int EPOLLIN = 1;
    private static final int EINTR = 4;
    private static final int EBADF = 9;
    private static final int EAGAIN = 11;
    private static final int EEXIST = 17;

    /** How many events are taken at once. */
    private static final int MOST = 64;

    /** struct epoll_event: four bytes of events and eight of data, without a gap on x86-64 only. */
    private static final int DATA_AT = System.getProperty("os.arch").equals("amd64") ? 4 : 8;

    private static final int EVENT_SIZE = DATA_AT + 8;

    /** How soon after a failure it is tried again. */
    private static final long PAUSE_NS = 100_000_000;

    /** What each socket wakes. A socket stays here until its stream has ended, watched or not. */
    private static final Map<Integer, Signal> WAITING = new ConcurrentHashMap<>();

    private static boolean registered; // guarded by this class, as all that follow
    private static int epoll = -1; // -1: none, and no thread that waits for it
    private static boolean failed;
    private static long failedAt;
    private static long beganAt;

    private Wakeups() {}

    /** The few calls of the system's library that are needed. */
    private static final class System_ {
        private System_() {}

        static native int epoll_create1(int flags);

        static native int epoll_ctl(int epoll, int operation, int fd, Pointer event);

        static native int epoll_wait(int epoll, Pointer events, int most, int timeout);

        static native long read(int fd, byte[] to, long size);

        static native int close(int fd);
    }

    /**
     * Has a signal woken whenever a byte has come, and told of the end, after which the socket is closed. Throws EIO
     * where the system has no room for that; the socket then is still open, and may be given again.
     */
    static synchronized void watch(int fd, Signal signal) {
        WAITING.put(fd, signal);
        if (epoll < 0) begin();
        else add(epoll, fd);
    }

    /** The descriptor that is waited for, for tests; -1 where there is none. */
    static synchronized int descriptor() {
        return epoll;
    }

    /** Makes an epoll with all sockets there are, and a thread that waits for it. */
    private static void begin() {
        if (!registered) {
            NativeLibrary system = NativeLibrary.getInstance("c", Map.of(Library.OPTION_OPEN_FLAGS, 2));
            com.sun.jna.Native.register(System_.class, system);
            registered = true;
        }
        if (failed && System.nanoTime() - failedAt < PAUSE_NS) throw failure("has failed just now", 0);
        int made = System_.epoll_create1(EPOLL_CLOEXEC);
        if (made < 0) throw failure("epoll_create1", com.sun.jna.Native.getLastError());
        try {
            for (int fd : WAITING.keySet()) add(made, fd);
            Thread thread = new Thread(() -> run(made), "hermes wake-ups");
            thread.setDaemon(true);
            thread.start();
        } catch (HermesException | OutOfMemoryError error) { // no thread is to be had
            System_.close(made);
            throw failure(error.toString(), 0);
        }
        epoll = made;
        failed = false;
        beganAt = System.nanoTime();
    }

    private static HermesException failure(String what, int error) {
        failed = true;
        failedAt = System.nanoTime();
        return new HermesException(ErrorCode.EIO, "sockets cannot be waited for: " + what + (error == 0 ? "" : ": error " + error));
    }

    private static void add(int epoll, int fd) {
        try (Memory event = new Memory(EVENT_SIZE)) {
            event.clear();
            event.setInt(0, EPOLLIN);
            event.setLong(DATA_AT, fd);
            if (System_.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, event) == 0) return;
        }
        int error = com.sun.jna.Native.getLastError();
        if (error == EBADF) end(fd, false); // the program has closed it, and the library the object
        else if (error != EEXIST) throw failure("epoll_ctl", error);
    }

    private static void run(int epoll) {
        try (Memory events = new Memory((long) EVENT_SIZE * MOST)) {
            byte[] bytes = new byte[64];
            int error = 0;
            while (error == 0 || error == EINTR) {
                int count = System_.epoll_wait(epoll, events, MOST, -1);
                error = count < 0 ? com.sun.jna.Native.getLastError() : 0;
                for (int i = 0; i < count; i++) take((int) events.getLong((long) i * EVENT_SIZE + DATA_AT), bytes);
            }
        } finally {
            restart();
        }
    }

    /** A socket is readable. */
    private static void take(int fd, byte[] bytes) {
        long read = System_.read(fd, bytes, bytes.length);
        int error = read < 0 ? com.sun.jna.Native.getLastError() : 0;
        if (read == 0 || (read < 0 && error != EINTR && error != EAGAIN)) {
            end(fd, error != EBADF);
            return;
        }
        Signal signal = WAITING.get(fd);
        if (signal != null) signal.wake();
    }

    /** Nothing will come any more: the library has closed the object, and the socket is ours to close. */
    private static void end(int fd, boolean close) {
        Signal signal = WAITING.remove(fd);
        if (close) System_.close(fd);
        if (signal != null) signal.over();
    }

    /**
     * The thread cannot wait any more; the descriptor may name another file by now, and is left alone. Where there is
     * no other to be had, each thread that waits finds out, and tries again.
     */
    private static synchronized void restart() {
        epoll = -1;
        try {
            if (System.nanoTime() - beganAt < PAUSE_NS) throw failure("has ended at once", 0);
            begin();
        } catch (HermesException error) {
            for (Signal signal : WAITING.values()) signal.unwatched();
        }
    }
}
