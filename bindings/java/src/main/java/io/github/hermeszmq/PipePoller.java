package io.github.hermeszmq;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * One daemon thread that polls (epoll) the sockets (hermes_pipe) of all receivers with waiting Java threads.
 *
 * <p>A thread that waits inside a native call cannot be interrupted, and a virtual one holds its carrier
 * meanwhile. So only this thread waits in a native call; the others are parked in {@link Waiters}, and it wakes them.
 *
 * <p>If polling fails (the program closed the descriptor, or none is left), it starts again, at most once every
 * {@link #PAUSE_NS}. Until that succeeds {@link #watch} throws, and threads wait inside the library instead.
 *
 * <p>Locks: the monitor of this class guards all static fields but WATCHED, a concurrent map. Waiters.lock may be
 * taken while it is held, never the other way round.
 */
final class PipePoller {
    private static final int EPOLL_CLOEXEC = 0x80000;
    private static final int EPOLL_CTL_ADD = 1;
    private static final int EPOLLIN = 1;
    private static final int EINTR = 4;
    private static final int EBADF = 9;
    private static final int EAGAIN = 11;
    private static final int EEXIST = 17;

    /** The maximum number of events of one epoll_wait. */
    private static final int MOST = 64;

    /** struct epoll_event: events (4 bytes), data (8 bytes); packed on x86-64 only, elsewhere data is at offset 8. */
    private static final int DATA_AT = System.getProperty("os.arch").equals("amd64") ? 4 : 8;

    private static final int EVENT_SIZE = DATA_AT + 8;

    /** The minimum time between a failure and the next attempt. */
    private static final long PAUSE_NS = 100_000_000;

    /** The waiters of each socket. A socket stays here until it is closed, even while polling fails. */
    private static final Map<Integer, Waiters> WATCHED = new ConcurrentHashMap<>();

    private static boolean registered; // LibC is bound
    private static int epoll = -1; // -1: none, and no thread polls
    private static boolean failed;
    private static long failedAt;
    private static long startedAt;

    private PipePoller() {}

    /** Functions of the C library. */
    private static final class LibC {
        private LibC() {}

        static native int epoll_create1(int flags);

        static native int epoll_ctl(int epoll, int operation, int fd, Pointer event);

        static native int epoll_wait(int epoll, Pointer events, int most, int timeout);

        static native long read(int fd, byte[] to, long size);

        static native int close(int fd);
    }

    /**
     * Calls waiters.wake() whenever a byte arrives on the socket, and waiters.closed() when the library closes its
     * end; takes ownership of the socket. Throws EIO if polling is not possible now; the caller may then try
     * again with the same socket.
     */
    static synchronized void watch(int fd, Waiters waiters) {
        WATCHED.put(fd, waiters);
        if (epoll < 0) startThread();
        else add(epoll, fd);
    }

    /** The epoll descriptor, for tests; -1 if there is none. */
    static synchronized int descriptor() {
        return epoll;
    }

    /** Creates an epoll with all watched sockets, and the thread that polls it. */
    private static void startThread() {
        if (!registered) {
            NativeLibrary system = NativeLibrary.getInstance("c", Map.of(Library.OPTION_OPEN_FLAGS, 2));
            com.sun.jna.Native.register(LibC.class, system);
            registered = true;
        }
        if (failed && System.nanoTime() - failedAt < PAUSE_NS) throw failure("failed a moment ago", 0);
        int made = LibC.epoll_create1(EPOLL_CLOEXEC);
        if (made < 0) throw failure("epoll_create1", com.sun.jna.Native.getLastError());
        try {
            for (int fd : WATCHED.keySet()) add(made, fd);
            Thread thread = new Thread(() -> run(made), "hermes wake-ups");
            thread.setDaemon(true);
            thread.start();
        } catch (HermesException | OutOfMemoryError error) { // the system has no thread left
            LibC.close(made);
            throw failure(error.toString(), 0);
        }
        epoll = made;
        failed = false;
        startedAt = System.nanoTime();
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
            if (LibC.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, event) == 0) return;
        }
        int error = com.sun.jna.Native.getLastError();
        if (error == EBADF) closeSocket(fd, false); // the program closed the socket, so the library closed the receiver
        else if (error != EEXIST) throw failure("epoll_ctl", error);
    }

    private static void run(int epoll) {
        try (Memory events = new Memory((long) EVENT_SIZE * MOST)) {
            byte[] bytes = new byte[64];
            int error = 0;
            while (error == 0 || error == EINTR) {
                int count = LibC.epoll_wait(epoll, events, MOST, -1);
                error = count < 0 ? com.sun.jna.Native.getLastError() : 0;
                for (int i = 0; i < count; i++) onReadable((int) events.getLong((long) i * EVENT_SIZE + DATA_AT), bytes);
            }
        } finally {
            restart();
        }
    }

    /** Reads from a readable socket, and wakes its waiters. */
    private static void onReadable(int fd, byte[] bytes) {
        long read = LibC.read(fd, bytes, bytes.length);
        int error = read < 0 ? com.sun.jna.Native.getLastError() : 0;
        if (read == 0 || (read < 0 && error != EINTR && error != EAGAIN)) {
            closeSocket(fd, error != EBADF);
            return;
        }
        Waiters waiters = WATCHED.get(fd);
        if (waiters != null) waiters.wake();
    }

    /** Ends watching a socket: the library has closed its end. */
    private static void closeSocket(int fd, boolean close) {
        Waiters waiters = WATCHED.remove(fd);
        if (close) LibC.close(fd);
        if (waiters != null) waiters.closed();
    }

    /**
     * Replaces the epoll after a failure. The old descriptor is not closed: the number may name another file by now.
     * If that fails, all waiters are told, and each tries again.
     */
    private static synchronized void restart() {
        epoll = -1;
        try {
            if (System.nanoTime() - startedAt < PAUSE_NS) throw failure("failed at once", 0);
            startThread();
        } catch (HermesException error) {
            for (Waiters waiters : WATCHED.values()) waiters.watchFailed();
        }
    }
}
