package io.github.hermeszmq;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Logs connection problems of running components, as warnings of the {@link System.Logger} named
 * "io.github.hermeszmq", for each component at most once a minute. One daemon thread checks all components; it runs
 * while any component does. This object's monitor guards its fields.
 */
final class WarningLogger implements Runnable {
    /** The interval between checks. */
    private static final long CHECK_MS = 500;

    /** The minimum time between two warnings of the same component. */
    private static final long MIN_INTERVAL_NS = Duration.ofMinutes(1).toNanos();

    private static final WarningLogger INSTANCE = new WarningLogger();

    /** Running components, each with the time before which it is not warned about again; guarded by this. */
    private final Map<WeakReference<Component>, Long> watched = new LinkedHashMap<>();

    private boolean running; // the thread runs; guarded by this

    private WarningLogger() {}

    /** Begins to check a component that was just started. */
    static void watch(Component component) {
        INSTANCE.add(component);
    }

    private synchronized void add(Component component) {
        watched.put(new WeakReference<>(component), System.nanoTime());
        if (running) return;
        running = true;
        Thread thread = new Thread(this, "hermes-warnings");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void run() {
        try {
            do Thread.sleep(CHECK_MS);
            while (check());
        } catch (InterruptedException ended) {
            synchronized (this) { // the next start makes another thread
                running = false;
            }
        }
    }

    /** Checks every component once; false if none is left. */
    private synchronized boolean check() {
        long now = System.nanoTime();
        for (Iterator<Map.Entry<WeakReference<Component>, Long>> each = watched.entrySet().iterator(); each.hasNext(); ) {
            Map.Entry<WeakReference<Component>, Long> entry = each.next();
            Component component = entry.getKey().get();
            if (component == null || !isRunning(component)) {
                if (component != null) component.unpinIfStopped(); // it may have stopped by itself
                each.remove();
            } else if (now - entry.getValue() >= 0 && warn(component)) {
                entry.setValue(now + MIN_INTERVAL_NS);
            }
        }
        running = !watched.isEmpty();
        return running;
    }

    private static boolean isRunning(Component component) {
        try {
            return component.state().equals("running");
        } catch (HermesException closed) {
            return false;
        }
    }

    /** Logs its pending warning; false if there is none. */
    private static boolean warn(Component component) {
        try {
            String text = component.get("warning");
            if (text.isEmpty()) return false;
            System.getLogger("io.github.hermeszmq").log(System.Logger.Level.WARNING, text);
            return true;
        } catch (HermesException closed) {
            return false;
        }
    }
}
