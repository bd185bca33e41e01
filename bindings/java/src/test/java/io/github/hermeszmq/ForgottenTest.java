package io.github.hermeszmq;

import static io.github.hermeszmq.Cluster.PATIENCE;
import static io.github.hermeszmq.Cluster.eventually;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Components that nothing refers to any more. */
class ForgottenTest {
    private static void collect() throws InterruptedException {
        for (int i = 0; i < 20; i++) {
            System.gc();
            Thread.sleep(5);
        }
    }

    /** Serves, in a JVM of its own whose collector runs while the method is under way that made everything. */
    static final class Service {
        private Service() {}

        @SuppressWarnings("resource")
        public static void main(String[] args) throws InterruptedException {
            PostOffice office = new PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
            office.start();
            String in = office.in();
            String out = office.out();
            Receiver bound = new Receiver("@tcp://127.0.0.1:*", "bound");
            bound.start();
            String direct = bound.get("endpoint");
            Node node = new Node("n", null, new Publisher(direct, "of the node"));
            node.start();
            collect(); // none of these variables is used any more
            Receiver receiver = new Receiver(out, "r");
            receiver.start();
            Publisher publisher = new Publisher(in, "p");
            publisher.start();
            publisher.awaitReady(PATIENCE);
            publisher.publish("t", "1");
            System.out.println(receiver.receive(PATIENCE).orElseThrow().data());
            Publisher other = new Publisher(direct, "q");
            other.start();
            other.awaitReady(PATIENCE);
            System.out.println("ready");
        }
    }

    @Test
    void startedPartsWorkAlthoughNothingRefersToThem() throws Exception {
        assertEquals("1\nready\n", Cluster.java(List.of(), Service.class.getName()));
    }

    private static int descriptors() {
        return new File("/proc/self/fd").list().length;
    }

    @SuppressWarnings("resource")
    private static void stopAndForget(String address) throws InterruptedException {
        Receiver receiver = new Receiver(address, "stopped");
        receiver.start();
        receiver.awaitReady(PATIENCE);
        assertTrue(receiver.receive(Duration.ofMillis(30)).isEmpty()); // which waits by a socket
        receiver.stop();
        new Node("never started", new Receiver(address, "never started"), null);
    }

    @Test
    void whatHasStoppedOrWasNeverStartedIsClosedOnceItIsGarbage() throws Exception {
        try (Cluster c = new Cluster()) {
            stopAndForget(c.office.out());
            long before = descriptors();
            for (int i = 0; i < 30; i++) stopAndForget(c.office.out());
            assertTrue(descriptors() > before + 20);
            eventually(() -> {
                System.gc();
                return descriptors() <= before + 5;
            });
        }
    }

    @Test
    void aReceiverThatStopsByItselfIsNoLongerKept() throws Exception {
        try (Publisher publisher = new Publisher("@tcp://127.0.0.1:*", "p")) {
            publisher.set("queue.full", "drop_old");
            publisher.start();
            stopBySlowness(publisher);
            long before = descriptors();
            for (int i = 0; i < 20; i++) stopBySlowness(publisher);
            eventually(() -> {
                System.gc();
                return descriptors() <= before + 5;
            });
        }
    }

    @SuppressWarnings("resource")
    private static void stopBySlowness(Publisher publisher) throws InterruptedException {
        Receiver receiver = new Receiver(publisher.get("endpoint"), "slow");
        receiver.set("timeout", Duration.ofNanos(1_000_000));
        receiver.start();
        String data = '"' + "x".repeat(10_000) + '"';
        eventually(() -> {
            for (int i = 0; i < 100; i++) publisher.publish("t", data);
            return !receiver.state().equals("running");
        });
        for (Envelope envelope : receiver) assertEquals("t", envelope.topic());
    }
}
