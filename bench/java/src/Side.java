import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntConsumer;
import java.util.function.IntFunction;

/**
 * What the contestants in Java have in common: arguments, the checks on what arrives, and the talk with the referee
 * (see bench/README.md).
 */
final class Side {
    /** How long a subscriber waits in silence, in milliseconds. */
    static final int SILENCE_MS = 20_000;

    /** How much goes into one call with mode=many. */
    static final int MOST = 256;

    /** How many envelopes are sent before the race, so that the JIT has compiled what counts. */
    private static final int WARM_UP = 200_000;

    private static final Map<String, String> SETTINGS = new HashMap<>();
    private static final String[] TOPICS = new String[10];

    static {
        for (int i = 0; i < TOPICS.length; i++) TOPICS[i] = String.format("ticks/%06d", i);
    }

    private Side() {}

    // ---- Arguments: ROLE key=value ...

    /** Reads them; returns the role. */
    static String arguments(String[] words) {
        for (int i = 1; i < words.length; i++) {
            String[] pair = words[i].split("=", 2);
            SETTINGS.put(pair[0], pair[1]);
        }
        return words[0];
    }

    static String setting(String key, String otherwise) {
        return SETTINGS.getOrDefault(key, otherwise);
    }

    static boolean is(String mode) {
        return setting("mode", "typed").equals(mode);
    }

    private static int count() {
        return Integer.parseInt(setting("count", "100000"));
    }

    static String topic(int number) {
        return TOPICS[Math.abs(number) % TOPICS.length];
    }

    // ---- The referee

    private static volatile boolean started;

    /** Reads what the referee says: a byte starts the publisher, and the end of the stream ends it. */
    private static void listen() {
        Thread ear = new Thread(() -> {
            try {
                if (System.in.read() < 0) System.exit(0);
                started = true;
            } catch (IOException error) {
                System.exit(1);
            }
        });
        ear.setDaemon(true);
        ear.start();
    }

    static void waitForEnd() throws IOException {
        while (System.in.read() >= 0) {}
    }

    // ---- Publishing

    /** Sends the warm-up, probes until the referee starts it, and all ticks, {@code step} in a call of {@code send}. */
    static void publishAll(IntConsumer send, int step, Runnable probe) throws InterruptedException {
        listen();
        for (int n = -WARM_UP; n < 0; n += step) send.accept(n);
        while (!started) {
            probe.run();
            Thread.sleep(5);
        }
        long start = System.nanoTime();
        int count = count();
        for (int n = 0; n < count; n += step) send.accept(n);
        System.out.printf("{\"start\": %d, \"end\": %d}%n", start, System.nanoTime());
    }

    /** How many of a call's ticks there are, from that number on. */
    static int left(int number) {
        return Math.min(MOST, number < 0 ? -number : count() - number);
    }

    // ---- Checking

    /** Looks at what a subscriber gets. */
    static final class Check<T> {
        private final T probe;
        private final IntFunction<T> expected;
        private final String origin = setting("origin", "p000");
        private final int count = count();
        private int next = -WARM_UP;
        private int wrong;
        private long first;
        private long last;
        private String complaint = "";
        private boolean ready;

        Check(T probe, IntFunction<T> expected) {
            this.probe = probe;
            this.expected = expected;
        }

        /** One envelope; true when all are there. */
        boolean take(String topic, String from, T data) {
            int number = next;
            if (!data.equals(expected.apply(number)) || !topic.equals(topic(number)) || !from.equals(origin)) {
                if (data.equals(probe)) return probed();
                if (wrong++ == 0) complaint = topic + " " + from + " " + data + " instead of number " + number;
            }
            if (number == 0) first = System.nanoTime();
            next = number + 1;
            if (next < count) return false;
            last = System.nanoTime();
            return true;
        }

        private boolean probed() {
            if (!ready) System.out.println("ready");
            ready = true;
            return false;
        }

        /** Reports the result to the referee. */
        void print() {
            String text = complaint.replace("\\", "\\\\").replace("\"", "\\\"");
            System.out.printf(
                    "{\"count\": %d, \"wrong\": %d, \"first\": %d, \"last\": %d, \"complaint\": \"%s\"}%n",
                    Math.max(0, next), wrong, first, last == 0 ? System.nanoTime() : last, text);
        }
    }
}
