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
 */
final class Wakeups {
    private static final int EPOLL_CLOEXEC = 0x80000;
    private static final int EPOLL_CTL_ADD = 1;
    private static final int EPOLLIN = 1;
    private static final int EINTR = 4;
    private static final int EAGAIN = 11;

    /** How many events are taken at once. */
    private static final int MOST = 64;

    /** struct epoll_event: four bytes of events and eight of data, without a gap on x86-64 only. */
    private static final int DATA_AT = System.getProperty("os.arch").equals("amd64") ? 4 : 8;

    private static final int EVENT_SIZE = DATA_AT + 8;

    private static final Map<Integer, Runnable> WAITING = new ConcurrentHashMap<>();
    private static final int EPOLL = begin();

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

    private static int begin() {
        com.sun.jna.Native.register(System_.class, NativeLibrary.getInstance("c", Map.of(Library.OPTION_OPEN_FLAGS, 2)));
        int epoll = System_.epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0) throw new HermesException(ErrorCode.EIO, "no epoll: error " + com.sun.jna.Native.getLastError());
        Thread thread = new Thread(() -> run(epoll), "hermes wake-ups");
        thread.setDaemon(true);
        thread.start();
        return epoll;
    }

    /** Calls back, on a thread that must not be held up, whenever a byte has come, or the end. */
    static void watch(int fd, Runnable woken) {
        WAITING.put(fd, woken);
        Memory event = new Memory(EVENT_SIZE);
        event.clear();
        event.setInt(0, EPOLLIN);
        event.setLong(DATA_AT, fd);
        if (System_.epoll_ctl(EPOLL, EPOLL_CTL_ADD, fd, event) == 0) return;
        int error = com.sun.jna.Native.getLastError();
        WAITING.remove(fd);
        System_.close(fd);
        throw new HermesException(ErrorCode.EIO, "a socket cannot be waited for: error " + error);
    }

    /** Whether nothing will come any more: the end of the stream, or an error that will stay. */
    private static boolean isOver(long read) {
        if (read >= 0) return read == 0;
        int error = com.sun.jna.Native.getLastError();
        return error != EINTR && error != EAGAIN;
    }

    private static void run(int epoll) {
        Memory events = new Memory((long) EVENT_SIZE * MOST);
        byte[] bytes = new byte[64];
        while (true) {
            int count = System_.epoll_wait(epoll, events, MOST, -1);
            if (count < 0 && com.sun.jna.Native.getLastError() != EINTR) return; // which only a fault here can cause
            for (int i = 0; i < count; i++) {
                int fd = (int) events.getLong((long) i * EVENT_SIZE + DATA_AT);
                boolean over = isOver(System_.read(fd, bytes, bytes.length));
                Runnable woken = over ? WAITING.remove(fd) : WAITING.get(fd);
                // The end of the stream: the library has closed the object, and the socket is ours to close.
                if (over) System_.close(fd);
                if (woken != null) woken.run();
            }
        }
    }
}
