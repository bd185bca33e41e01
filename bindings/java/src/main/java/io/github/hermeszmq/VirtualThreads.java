package io.github.hermeszmq;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Keeps virtual threads (Java 21 and later) from holding their carriers: blocking native calls are made on a
 * thread pool, and calls that never wait yield now and then. On platform threads it changes nothing.
 */
final class VirtualThreads {
    private static final ExecutorService POOL = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "hermes call");
        thread.setDaemon(true);
        return thread;
    });

    /** Thread.isVirtual, of Java 21 and later; null before. */
    private static final MethodHandle IS_VIRTUAL = find();

    private VirtualThreads() {}

    private static MethodHandle find() {
        try {
            return MethodHandles.publicLookup()
                    .findVirtual(Thread.class, "isVirtual", MethodType.methodType(boolean.class));
        } catch (ReflectiveOperationException before21) {
            return null;
        }
    }

    /** Whether the calling thread is a virtual one. */
    static boolean isCurrent() {
        if (IS_VIRTUAL == null) return false;
        try {
            return (boolean) IS_VIRTUAL.invokeExact(Thread.currentThread());
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static final int YIELD_EVERY = 128;

    private static int calls; // of all virtual threads; unsynchronised, an approximate count suffices

    /**
     * Yields on every YIELD_EVERY-th call of a virtual thread. Without that, one whose calls never wait would keep its
     * carrier as long as traffic lasts.
     */
    static void yieldSometimes() {
        if (isCurrent() && ++calls % YIELD_EVERY == 0) Thread.yield();
    }

    /** Makes a blocking call, on the pool if this thread is virtual. An interrupt does not end it, but stays set. */
    static void callOffCarrier(Runnable work) {
        if (!isCurrent()) {
            work.run();
            return;
        }
        CompletableFuture<Void> done = CompletableFuture.runAsync(work, POOL);
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    done.get();
                    return;
                } catch (InterruptedException later) {
                    interrupted = true;
                } catch (ExecutionException failed) {
                    throw unchecked(failed.getCause());
                }
            }
        } finally {
            if (interrupted) Thread.currentThread().interrupt();
        }
    }

    private static RuntimeException unchecked(Throwable cause) {
        if (cause instanceof Error error) throw error;
        return (RuntimeException) cause;
    }
}
