import com.google.gson.Gson;
import com.google.gson.JsonArray;
import io.github.hermeszmq.Codec;
import io.github.hermeszmq.Envelope;
import io.github.hermeszmq.Receiver;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Joins the demo, and prints the highest that each of its readings comes to: Peaks [ADDRESS]
 *
 * <pre>make demo SECONDS_OF_DEMO=60 AT="tcp://127.0.0.1:6000 tcp://127.0.0.1:6001"</pre>
 *
 * runs the demo at addresses of which this needs the second. Ends with the demo, or on Ctrl-C.
 */
public class Peaks {
    /** As examples/demo/messages.py has it. */
    record Derived(String name, double value, double average, String unit, double full) {}

    /** A record travels as an array: its type, its time, and its fields. */
    static final Codec<Derived> DERIVED = new Codec<>() {
        private final Gson gson = new Gson();

        @Override
        public String write(Derived d) {
            double now = System.currentTimeMillis() / 1000.0;
            return gson.toJson(new Object[] {"Derived", now, d.name, d.value, d.average, d.unit, d.full});
        }

        @Override
        public Derived read(String json) {
            JsonArray a = gson.fromJson(json, JsonArray.class);
            return new Derived(
                    a.get(2).getAsString(),
                    a.get(3).getAsDouble(),
                    a.get(4).getAsDouble(),
                    a.get(5).getAsString(),
                    a.get(6).getAsDouble());
        }
    };

    public static void main(String[] args) throws InterruptedException {
        Map<String, Derived> peaks = new TreeMap<>();
        long count = 0;
        long missing = 0;
        try (Receiver receiver = new Receiver(args.length > 0 ? args[0] : "tcp://127.0.0.1:6001", "peaks", "live/")) {
            receiver.set("timeout", Duration.ofSeconds(10)); // a busy machine is no reason to give up
            receiver.start();
            receiver.awaitReady(Duration.ofMinutes(1));
            System.out.println("watching");
            for (Envelope envelope : receiver) {
                count++;
                missing += envelope.lost();
                if (envelope.topic().startsWith("live/end/")) break;
                Derived now = envelope.data(DERIVED);
                peaks.merge(now.name, now, (peak, other) -> other.value > peak.value ? other : peak);
            }
        }
        peaks.forEach((name, peak) ->
                System.out.printf(Locale.ROOT, "%-12s %14.1f %s%n", name, peak.value, peak.unit));
        System.out.printf("%d envelopes, %d missing%n", count, missing);
    }
}
