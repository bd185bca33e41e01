import io.github.hermeszmq.Codec;
import io.github.hermeszmq.Envelope;
import io.github.hermeszmq.Publisher;
import io.github.hermeszmq.Receiver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * hermes from Java.
 *
 * <pre>
 * HermesSide publish  in=ADDRESS  mode=typed|raw|many
 * HermesSide receive  out=ADDRESS mode=typed|raw|many
 * </pre>
 */
final class HermesSide {
    private static final Duration SILENCE = Duration.ofMillis(Side.SILENCE_MS);

    /** As a program writes it that has Jackson. */
    private static final Codec<Tick> CODEC = new Codec<>() {
        @Override
        public String write(Tick tick) {
            return Tick.write(tick);
        }

        @Override
        public Tick read(String json) {
            return Tick.read(json);
        }
    };

    private HermesSide() {}

    public static void main(String[] words) throws Exception {
        if (Side.arguments(words).equals("publish")) publish();
        else receive();
    }

    private static void publish() throws Exception {
        Tick.Writer writer = new Tick.Writer();
        String probe = Tick.write(Tick.PROBE);
        try (Publisher publisher = new Publisher(Side.setting("in", ""), Side.setting("origin", "p000"))) {
            publisher.set("queue.block", Duration.ofMinutes(1));
            publisher.start();
            publisher.awaitReady(SILENCE);
            Runnable probes = () -> publisher.publish(Side.topic(0), probe);
            if (Side.is("many")) {
                Side.publishAll(n -> publisher.publishMany(items(writer, n)), Side.MOST, probes);
            } else if (Side.is("raw")) {
                Side.publishAll(n -> publisher.publish(Side.topic(n), writer.text(n)), 1, probes);
            } else {
                Side.publishAll(n -> publisher.publish(Side.topic(n), Tick.of(n), CODEC), 1, probes);
            }
            Side.waitForEnd();
        }
    }

    private static List<Publisher.Item> items(Tick.Writer writer, int first) {
        int left = Side.left(first);
        List<Publisher.Item> items = new ArrayList<>(left);
        for (int n = first; n < first + left; n++) items.add(new Publisher.Item(Side.topic(n), writer.text(n)));
        return items;
    }

    private static void receive() throws Exception {
        try (Receiver receiver = new Receiver(Side.setting("out", ""), "receiver")) {
            receiver.set("on_slow", "ignore");
            receiver.start();
            if (Side.is("typed")) typed(receiver);
            else if (Side.is("raw")) raw(receiver);
            else many(receiver);
            Side.waitForEnd();
        }
    }

    private static void typed(Receiver receiver) throws Exception {
        Side.Check<Tick> check = new Side.Check<>(Tick.PROBE, Tick::of);
        while (true) {
            Optional<Envelope> found = receiver.receive(SILENCE);
            if (found.isEmpty()) break;
            Envelope e = found.get();
            if (check.take(e.topic(), e.origin(), e.data(CODEC))) break;
        }
        check.print();
    }

    private static void raw(Receiver receiver) throws Exception {
        Tick.Writer writer = new Tick.Writer();
        Side.Check<String> check = new Side.Check<>(Tick.write(Tick.PROBE), writer::text);
        while (true) {
            Optional<Envelope> found = receiver.receive(SILENCE);
            if (found.isEmpty()) break;
            Envelope e = found.get();
            if (check.take(e.topic(), e.origin(), e.data())) break;
        }
        check.print();
    }

    private static void many(Receiver receiver) throws Exception {
        Tick.Writer writer = new Tick.Writer();
        Side.Check<String> check = new Side.Check<>(Tick.write(Tick.PROBE), writer::text);
        boolean done = false;
        while (!done) {
            List<Envelope> found = receiver.receiveMany(Side.MOST, SILENCE);
            if (found.isEmpty()) break;
            for (Envelope e : found) done |= check.take(e.topic(), e.origin(), e.data());
        }
        check.print();
    }
}
