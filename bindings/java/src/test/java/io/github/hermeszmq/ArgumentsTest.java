package io.github.hermeszmq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What makes no sense is refused with EINVAL, or by the option that it is for. */
class ArgumentsTest {
    private static final String NOWHERE = "tcp://127.0.0.1:1";

    private static void fails(ErrorCode code, Executable... calls) {
        for (Executable call : calls) assertEquals(code, assertThrows(HermesException.class, call).code());
    }

    @Test
    void nulInWhatTravelsAsACString() {
        try (Publisher publisher = new Publisher(NOWHERE, "p")) {
            fails(
                    ErrorCode.EINVAL,
                    () -> new Publisher("tcp://127.0.0.1:1\0", "p"),
                    () -> new Publisher(NOWHERE, "p\0"),
                    () -> new Receiver("\0", "r"),
                    () -> new Receiver(NOWHERE, "\0r"),
                    () -> new PostOffice(NOWHERE + "\0", NOWHERE),
                    () -> new PostOffice(NOWHERE, NOWHERE, "ipc://\0"),
                    () -> new Node("n\0", null, null),
                    () -> publisher.set("queue.full\0", "block"),
                    () -> publisher.set("queue.full", "block\0drop_old"),
                    () -> publisher.get("queue.full\0"));
        }
    }

    @Test
    void setTakesOnlyWhatMakesSense() {
        try (Publisher publisher = new Publisher(NOWHERE, "p")) {
            fails(
                    ErrorCode.EINVAL,
                    () -> publisher.set(null, 1),
                    () -> publisher.set("queue.block", (String) null),
                    () -> publisher.set("queue.block", (Duration) null),
                    () -> publisher.set("queue.block", Duration.ofMillis(-1)),
                    () -> publisher.set("queue.block", Duration.ofSeconds(Long.MAX_VALUE)));
            fails(
                    ErrorCode.EOPTION,
                    () -> publisher.set("queue.messages", -1),
                    () -> publisher.set("queue.messages", true),
                    () -> publisher.set("queue.messages", "7 messages"));
            publisher.set("queue.block", Duration.ofNanos(1_500_000)); // and not a millisecond
            assertEquals("1.5ms", publisher.get("queue.block"));
            publisher.set("queue.block", Duration.ofMinutes(2));
            assertEquals("2m0s", publisher.get("queue.block"));
        }
    }

    @Test
    void publishManyRefusesWhatPublishRefuses() throws Exception {
        try (Cluster c = new Cluster()) {
            for (String data : List.of("", " ", "1 2", "1,2", "1]", "{nonsense", "[", "nan", "\"", "'x'", "01", "1,\"x\"],[\"t\",null,2")) {
                fails(
                        ErrorCode.EJSON,
                        () -> c.publisher.publish("t", data),
                        () -> c.publisher.publishMany(List.of(new Publisher.Item("t", "1"), new Publisher.Item("t", data))));
            }
            fails(
                    ErrorCode.EUTF8,
                    () -> c.publisher.publish("\ud800", "1"),
                    () -> c.publisher.publishMany(List.of(new Publisher.Item("\ud800", "1"))),
                    () -> c.publisher.publishMany(List.of(new Publisher.Item("t", "1", "\udc00"))));
            fails(
                    ErrorCode.EINVAL,
                    () -> c.publisher.publish(null, "1"),
                    () -> c.publisher.publish("t", (String) null),
                    () -> c.publisher.publish("t", 1, (Codec<Integer>) null),
                    () -> new Envelope("t", "o", "1", 0, 0, 0).data(null),
                    () -> new Receiver(NOWHERE, "r", (String[]) null),
                    () -> new Receiver(NOWHERE, "r", "t", null),
                    () -> c.publisher.publishMany(null),
                    () -> c.publisher.publishMany(Arrays.asList((Publisher.Item) null)),
                    () -> c.publisher.publishMany(List.of(new Publisher.Item(null, "1"))),
                    () -> c.publisher.publishMany(List.of(new Publisher.Item("t", null))),
                    () -> c.receiver.receive(null),
                    () -> c.receiver.awaitReady(null),
                    () -> c.publisher.stop(null),
                    () -> c.receiver.subscribe(null));
            assertEquals("running", c.publisher.state());
            c.publisher.publish("t", "1", "");
            c.publisher.publishMany(List.of(new Publisher.Item("t", "2", "")));
            c.publisher.publish("t", "3", (String) null);
            assertEquals(List.of("", "", "p"), List.of(c.next().origin(), c.next().origin(), c.next().origin()));
        }
    }
}
