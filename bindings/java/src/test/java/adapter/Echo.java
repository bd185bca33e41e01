package adapter;

import io.github.hermeszmq.Envelope;
import io.github.hermeszmq.Publisher;
import io.github.hermeszmq.Receiver;
import java.time.Duration;

/**
 * Publishes again what it receives: Echo IN OUT NAME FROM TO. The topic FROMrest becomes TOrest; the
 * rest "end" is the last.
 */
public final class Echo {
    private Echo() {}

    public static void main(String[] args) {
        String from = args[3];
        try (Receiver receiver = new Receiver(args[1], args[2], from);
                Publisher publisher = new Publisher(args[0], args[2])) {
            receiver.set("on_slow", "ignore");
            receiver.start();
            publisher.start();
            for (Envelope envelope : receiver) {
                String rest = envelope.topic().substring(from.length());
                publisher.publish(args[4] + rest, envelope.data());
                if (rest.equals("end")) break;
            }
            publisher.stop(Duration.ofMinutes(1));
        }
    }
}
