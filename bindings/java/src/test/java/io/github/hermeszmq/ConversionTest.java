package io.github.hermeszmq;

import static io.github.hermeszmq.Cluster.PATIENCE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What cannot become Java's concerns one envelope alone, with its bytes at hand. */
class ConversionTest {
    private static final int LARGE = 40 << 20;

    /** Receives with less heap than one of the envelopes needs. */
    static final class InASmallHeap {
        private InASmallHeap() {}

        public static void main(String[] args) throws Exception {
            try (Receiver receiver = new Receiver(args[0], "small")) {
                receiver.set("on_slow", "ignore");
                receiver.start();
                List<Envelope> got = new ArrayList<>();
                if (args[1].equals("many")) {
                    while (got.size() < 5) got.addAll(receiver.receiveMany(10, PATIENCE));
                } else {
                    for (Envelope envelope : receiver) {
                        got.add(envelope);
                        if (got.size() == 5) break;
                    }
                }
                for (Envelope envelope : got) print(envelope);
            }
        }

        private static void print(Envelope envelope) {
            if (envelope.error() == null) {
                System.out.println(envelope.topic() + " " + envelope.data());
                return;
            }
            byte[] begin = new byte[Math.min(3, envelope.raw().remaining())];
            envelope.raw().duplicate().get(begin);
            System.out.println(envelope.topic().length() + " " + envelope.error().code() + " " + envelope.raw().remaining() + " "
                    + new String(begin, StandardCharsets.UTF_8));
        }
    }

    private static String received(String how) throws Exception {
        try (PostOffice office = new PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")) {
            office.start();
            Publisher sender = new Publisher(office.in(), "p");
            sender.start();
            Thread thread = new Thread(() -> {
                try {
                    sender.awaitReady(PATIENCE);
                } catch (InterruptedException over) {
                    return;
                }
                String large = "\"" + "x".repeat(LARGE) + "\"";
                sender.publish("t", "1");
                sender.publish("t", large);
                sender.publish("t", "2");
                sender.publish(large, "3");
                sender.publish("t", "4");
            });
            thread.setDaemon(true);
            thread.start();
            try {
                return Cluster.java(List.of(), "-Xmx24m", InASmallHeap.class.getName(), office.out(), how);
            } finally {
                thread.interrupt();
                sender.close();
            }
        }
    }

    @Test
    void whatTheHeapHasNoRoomForConcernsThatEnvelopeAlone() throws Exception {
        String size = Integer.toString(LARGE + 2);
        String expected = "t 1\n1 ENOMEM " + size + " \"xx\nt 2\n0 ENOMEM 1 3\nt 4\n";
        for (String how : List.of("many", "one by one")) assertEquals(expected, received(how));
    }

    @Test
    void aCodecIsToldWhyThereAreNoData() {
        HermesException why = new HermesException(ErrorCode.ENOMEM, "why");
        Envelope envelope = new Envelope("t", "o", null, 1, 2, 0, why, null);
        Codec<String> codec = new Codec<>() {
            @Override
            public String write(String value) {
                return value;
            }

            @Override
            public String read(String json) {
                return json.trim();
            }
        };
        assertEquals(why, assertThrows(HermesException.class, () -> envelope.data(codec)));
        assertEquals("1", new Envelope("t", "o", " 1", 1, 2, 0).data(codec));
    }
}
