package io.github.hermeszmq;

import static java.lang.invoke.MethodType.methodType;

import com.sun.jna.Pointer;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The calls that are made for each envelope or batch: by the foreign function API where Java has it (22 and later,
 * see {@link Foreign}), else by JNA, whose calls take many times as long.
 *
 * <p>All arguments are numbers; pointers are addresses. Callers have called {@link Native#load}.
 */
final class Calls {
    private static final MethodType PUBLISH_TYPE =
            methodType(int.class, long.class, long.class, long.class, long.class, long.class, long.class, long.class);
    private static final MethodType RECV_TYPE = methodType(int.class, long.class, long.class, int.class, long.class);
    private static final MethodType MEMORY_TYPE = methodType(long.class, long.class, long.class);
    private static final MethodType VIEW_TYPE = methodType(ByteBuffer.class, long.class, long.class);

    private static final MethodHandle PUBLISH = find("hermes_publish", PUBLISH_TYPE);
    private static final MethodHandle PUBLISH_BATCH =
            find("hermes_publish_batch", methodType(int.class, long.class, long.class, long.class, long.class));
    private static final MethodHandle RECV_BATCH = find("hermes_recv_batch", RECV_TYPE);
    private static final MethodHandle BATCH_MEMORY = find("hermes_batch_memory", MEMORY_TYPE);
    private static final MethodHandle BATCH_FREE = find("hermes_batch_free", methodType(void.class, long.class));
    private static final MethodHandle VIEW = Foreign.ENABLED ? Foreign.view() : byJna("view", VIEW_TYPE);

    private Calls() {}

    private static MethodHandle find(String name, MethodType type) {
        return Foreign.ENABLED ? Foreign.function(Native.address(name), type) : byJna(name, type);
    }

    private static MethodHandle byJna(String name, MethodType type) {
        try {
            return MethodHandles.lookup().findStatic(ByJna.class, name, type);
        } catch (ReflectiveOperationException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** The same functions, as {@link Native#register} binds them. */
    static final class ByJna {
        private ByJna() {}

        static native int hermes_publish(
                long publisher, long topic, long topicLength, long origin, long originLength, long data, long length);

        static native int hermes_publish_batch(long publisher, long json, long length, long count);

        static native int hermes_recv_batch(long receiver, long max, int timeout, long batch);

        static native long hermes_batch_memory(long batch, long length);

        static native void hermes_batch_free(long batch);

        static ByteBuffer view(long address, long size) {
            return new Pointer(address).getByteBuffer(0, size);
        }
    }

    static int publish(
            long publisher, long topic, long topicLength, long origin, long originLength, long data, long length) {
        try {
            return (int) PUBLISH.invokeExact(publisher, topic, topicLength, origin, originLength, data, length);
        } catch (Throwable error) {
            throw unchecked(error);
        }
    }

    static int publishBatch(long publisher, long json, long length, long count) {
        try {
            return (int) PUBLISH_BATCH.invokeExact(publisher, json, length, count);
        } catch (Throwable error) {
            throw unchecked(error);
        }
    }

    static int recvBatch(long receiver, long max, int timeout, long batch) {
        try {
            return (int) RECV_BATCH.invokeExact(receiver, max, timeout, batch);
        } catch (Throwable error) {
            throw unchecked(error);
        }
    }

    static long batchMemory(long batch, long length) {
        try {
            return (long) BATCH_MEMORY.invokeExact(batch, length);
        } catch (Throwable error) {
            throw unchecked(error);
        }
    }

    static void batchFree(long batch) {
        try {
            BATCH_FREE.invokeExact(batch);
        } catch (Throwable error) {
            throw unchecked(error);
        }
    }

    /** The memory at an address as a buffer, which does not own it. */
    static ByteBuffer view(long address, long size) {
        try {
            return ((ByteBuffer) VIEW.invokeExact(address, size)).order(ByteOrder.nativeOrder());
        } catch (Throwable error) {
            throw unchecked(error);
        }
    }

    private static RuntimeException unchecked(Throwable error) {
        if (error instanceof Error serious) throw serious;
        return (RuntimeException) error;
    }
}
