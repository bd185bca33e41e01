package io.github.hermeszmq;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Logs what is wrong with the connections of parts that run: as warnings of the {@link System.Logger} called
 * "io.github.hermeszmq", for each part at most once a minute. One daemon thread looks after all parts, from
 * the first start on until none is left.
 */
final class Warnings implements Runnable {
    /** How often is looked. */
    private static final long EVERY_MS = 500;

    /** How long a part is silent after a warning. */
    private static final long SILENCE_NS = Duration.ofMinutes(1).toNanos();

    private static final Warnings ONE = new Warnings();

    /** Parts that run, and when each may be warned of again; guarded by this. */
    private final Map<WeakReference<Part>, Long> watched = new LinkedHashMap<>();

    private boolean looking; // a thread runs; guarded by this

    private Warnings() {}

    /** A part has been started. */
    static void watch(Part part) {
        ONE.add(part);
    }

    private synchronized void add(Part part) {
        watched.put(new WeakReference<>(part), System.nanoTime());
        if (looking) return;
        looking = true;
        Thread thread = new Thread(this, "hermes-warnings");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void run() {
        try {
            do Thread.sleep(EVERY_MS);
            while (look());
        } catch (InterruptedException ended) {
            synchronized (this) { // the next start makes another thread
                looking = false;
            }
        }
    }

    /** Looks at every part once; false where none is left. */
    private synchronized boolean look() {
        long now = System.nanoTime();
        for (Iterator<Map.Entry<WeakReference<Part>, Long>> each = watched.entrySet().iterator(); each.hasNext(); ) {
            Map.Entry<WeakReference<Part>, Long> entry = each.next();
            Part part = entry.getKey().get();
            if (part == null || !runs(part)) {
                if (part != null) part.settle(); // it may have stopped by itself
                each.remove();
            } else if (now - entry.getValue() >= 0 && warn(part)) {
                entry.setValue(now + SILENCE_NS);
            }
        }
        looking = !watched.isEmpty();
        return looking;
    }

    private static boolean runs(Part part) {
        try {
            return part.state().equals("running");
        } catch (HermesException closed) {
            return false;
        }
    }

    /** Whether there was something to warn of. */
    private static boolean warn(Part part) {
        try {
            String text = part.get("warning");
            if (text.isEmpty()) return false;
            System.getLogger("io.github.hermeszmq").log(System.Logger.Level.WARNING, text);
            return true;
        } catch (HermesException closed) {
            return false;
        }
    }
}
