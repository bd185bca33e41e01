package io.github.hermeszmq;

import static io.github.hermeszmq.Cluster.PATIENCE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Envelopes go there and come back, whole and in order. */
class RoundtripTest {
    private static final List<String> VALUES = List.of(
            "null", "true", "-42", "0.1", "123456789012345678901234567890", "[NaN,-Infinity]", "\"\"", "[]", "{}",
            "\"naïve – ½ € 日本 🦁 𝄞\"", "{\"🦁\":[\"𐍈\"],\"\":\"\\u0000\\\"\\\\\"}", "[\"\\ud800\"]", " [ 1 ] ");

    @Test
    void everyKindOfValue() throws InterruptedException {
        try (Cluster c = new Cluster()) {
            for (String value : VALUES) c.publisher.publish("t/🦁\0", value, "who\"");
            for (String value : VALUES) {
                Envelope envelope = c.next();
                assertEquals("t/🦁\0", envelope.topic());
                assertEquals("who\"", envelope.origin());
                assertEquals(value.strip(), envelope.data().strip());
                assertEquals(0, envelope.lost());
                double now = System.currentTimeMillis() / 1000.0;
                assertTrue(Math.abs(envelope.ts() - now) < 120 && Math.abs(envelope.received() - now) < 120);
            }
            c.publisher.publish("", "1", "");
            Envelope empty = c.next();
            assertEquals(List.of("", ""), List.of(empty.topic(), empty.origin()));
            c.publisher.publish("t", "1");
            assertEquals("p", c.next().origin());
        }
    }

    @Test
    void bigPayload() throws InterruptedException {
        try (Cluster c = new Cluster()) {
            String big = '"' + "x🦁".repeat(1 << 20) + '"';
            c.publisher.publish("big", big);
            assertEquals(big, c.next().data());
        }
    }

    @Test
    void halfACharacterIsRefused() throws InterruptedException {
        try (Cluster c = new Cluster()) {
            for (String half : List.of("\ud800", "\udc00", "a\ud800b", "\udc00\ud800")) {
                is(ErrorCode.EUTF8, () -> c.publisher.publish(half, "1"));
                is(ErrorCode.EUTF8, () -> c.publisher.publish("t", "1", half));
                is(ErrorCode.EUTF8, () -> c.publisher.publish("t", '"' + half + '"'));
                is(ErrorCode.EUTF8, () -> c.publisher.publishMany(List.of(new Publisher.Item(half, "1"))));
                is(ErrorCode.EUTF8, () -> c.receiver.subscribe(half));
                is(ErrorCode.EUTF8, () -> new Publisher("tcp://127.0.0.1:1", half));
            }
            assertTrue(c.publisher.stats().contains("\"accepted\":0"), c.publisher.stats());
        }
    }

    @Test
    void manyAtOnceAndInOrder() throws InterruptedException {
        try (Cluster c = new Cluster()) {
            int count = 20_000;
            List<Publisher.Item> items = new ArrayList<>();
            IntStream.range(0, count).forEach(i -> items.add(new Publisher.Item("n\"\\\n", Integer.toString(i))));
            items.add(new Publisher.Item("last", "\"],[\\\"\"", "other"));
            assertEquals(count + 1, c.publisher.publishMany(items));
            int expected = 0;
            while (expected < 1000) {
                for (Envelope envelope : c.receiver.receiveMany(100, PATIENCE)) {
                    assertEquals(Integer.toString(expected++), envelope.data());
                    assertEquals("n\"\\\n", envelope.topic());
                }
            }
            for (Envelope envelope : c.receiver) {
                if (envelope.topic().equals("last")) {
                    assertEquals(List.of("other", "\"],[\\\"\""), List.of(envelope.origin(), envelope.data()));
                    break;
                }
                assertEquals(Integer.toString(expected++), envelope.data());
            }
            assertEquals(count, expected);
        }
    }

    @Test
    void dataOfManyCannotBreakOut() throws InterruptedException {
        try (Cluster c = new Cluster()) {
            List<String> wrong = List.of("1],[\"t\",null,2", "1,2", "", " ", "[", "]", "\"", "{\"a\":1}}", "1]", "\"\\\"");
            for (String data : wrong) {
                is(ErrorCode.EJSON, () -> c.publisher.publishMany(List.of(new Publisher.Item("t", data))));
            }
            is(ErrorCode.EJSON, () -> c.publisher.publishMany(List.of(new Publisher.Item("t", "nonsense"))));
            assertTrue(c.publisher.stats().contains("\"accepted\":0"), c.publisher.stats());
        }
    }

    @Test
    void topicsAndOrigins() throws InterruptedException {
        try (Cluster c = new Cluster("a/")) {
            c.receiver.accept("me");
            c.publisher.publish("b", "1", "me");
            c.publisher.publish("a/b", "2", "you");
            c.publisher.publish("a/b", "3", "me");
            assertEquals("3", c.next().data());
            c.receiver.unsubscribe("a/");
            is(ErrorCode.EINVAL, () -> c.receiver.unsubscribe("a/"));
        }
    }

    @Test
    void aCodec() throws InterruptedException {
        Codec<int[]> pair = new Codec<>() {
            @Override
            public String write(int[] value) {
                return "[" + value[0] + "," + value[1] + "]";
            }

            @Override
            public int[] read(String json) {
                String[] parts = json.replaceAll("[\\[\\] ]", "").split(",");
                return new int[] {Integer.parseInt(parts[0]), Integer.parseInt(parts[1])};
            }
        };
        try (Cluster c = new Cluster()) {
            c.publisher.publish("t", new int[] {6, 7}, pair);
            assertEquals(7, c.next().data(pair)[1]);
        }
    }

    @Test
    void aNodeAndItsLoop() throws InterruptedException {
        try (Cluster c = new Cluster("RAW/");
                Receiver ear = new Receiver(c.office.out(), "ear", "in");
                Publisher mouth = new Publisher(c.office.in(), "mouth");
                Node node = new Node("relay", ear, mouth);
                Node deaf = new Node("deaf", null, mouth)) {
            ear.set("on_slow", "ignore");
            node.start();
            node.awaitReady(PATIENCE);
            Thread loop = new Thread(node);
            loop.start();
            Optional<Envelope> echo = Optional.empty();
            for (int i = 0; i < 600 && echo.isEmpty(); i++) {
                c.publisher.publish("in", "[NaN]");
                echo = c.receiver.receive(Duration.ofMillis(100));
            }
            assertEquals("RAW/relay relay [NaN]", echo.map(e -> e.topic() + " " + e.origin() + " " + e.data()).get());
            node.publish("RAW", "\"last\"");
            while (!c.next().data().equals("\"last\"")) {}
            node.stop(PATIENCE);
            loop.join(PATIENCE.toMillis());
            assertFalse(loop.isAlive());
            assertEquals("stopped", ear.state());
            is(ErrorCode.ENOTSUP, () -> deaf.receive(Duration.ZERO));
        }
    }

    static void is(ErrorCode code, org.junit.jupiter.api.function.Executable call) {
        HermesException error = assertThrows(HermesException.class, call);
        assertEquals(code, error.code(), error.getMessage());
        assertFalse(error.getMessage().isEmpty());
    }
}
