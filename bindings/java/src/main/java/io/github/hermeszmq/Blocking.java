package io.github.hermeszmq;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Native calls that may take long, made so that a virtual thread does not hold its carrier meanwhile: on a thread
 * of a pool. A platform thread makes them itself.
 */
final class Blocking {
    private static final ExecutorService POOL = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "hermes call");
        thread.setDaemon(true);
        return thread;
    });

    /** Thread.isVirtual, of Java 21 and later; null before. */
    private static final MethodHandle IS_VIRTUAL = find();

    private Blocking() {}

    private static MethodHandle find() {
        try {
            return MethodHandles.publicLookup()
                    .findVirtual(Thread.class, "isVirtual", MethodType.methodType(boolean.class));
        } catch (ReflectiveOperationException before21) {
            return null;
        }
    }

    /** Whether the calling thread is a virtual one. */
    static boolean isVirtual() {
        if (IS_VIRTUAL == null) return false;
        try {
            return (boolean) IS_VIRTUAL.invokeExact(Thread.currentThread());
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static final int TURN_AFTER = 128;

    private static int turns; // of all virtual threads; that it is not exact does no harm

    /**
     * Lets other virtual threads run now and then: a virtual thread whose calls never have to wait would keep its carrier
     * for as long as the traffic lasts.
     */
    static void turn() {
        if (isVirtual() && ++turns % TURN_AFTER == 0) Thread.yield();
    }

    /** Makes a call that does not end early for an interrupt, which stays to be seen. */
    static void call(Runnable work) {
        if (!isVirtual()) {
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
