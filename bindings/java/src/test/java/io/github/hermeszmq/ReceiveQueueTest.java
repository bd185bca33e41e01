package io.github.hermeszmq;

import static io.github.hermeszmq.Cluster.PATIENCE;
import static io.github.hermeszmq.Cluster.eventually;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What receivers fetch ahead is in order, counted, and shared. */
class ReceiveQueueTest {
    private static final int COUNT = 1000;

    private static void publish(Cluster c) throws InterruptedException {
        for (int i = 0; i < COUNT; i++) c.publisher.publish("t", Integer.toString(i));
        eventually(() -> counter(c.receiver, "arrived") == COUNT);
    }

    private static long counter(Receiver receiver, String name) {
        Matcher found = Pattern.compile('"' + name + "\":(\\d+)").matcher(receiver.stats());
        assertTrue(found.find());
        return Long.parseLong(found.group(1));
    }

    @Test
    void whatWasFetchedAheadCountsAsQueued() throws Exception {
        try (Cluster c = new Cluster()) {
            publish(c);
            for (int i = 0; i < COUNT; i++) {
                assertEquals(Integer.toString(i), c.next().data());
                assertEquals(i + 1, counter(c.receiver, "delivered"));
                assertEquals(COUNT - i - 1, counter(c.receiver, "queued"));
            }
        }
    }

    @Test
    void callsOfAllKindsTakeInOrder() throws Exception {
        try (Cluster c = new Cluster();
                Node node = new Node("n", c.receiver, null)) {
            publish(c);
            List<String> taken = new ArrayList<>();
            while (taken.size() < COUNT) {
                taken.add(c.next().data());
                taken.add(node.receive(PATIENCE).orElseThrow().data());
                for (Envelope e : c.receiver.receiveMany(3, PATIENCE)) taken.add(e.data());
            }
            for (int i = 0; i < COUNT; i++) assertEquals(Integer.toString(i), taken.get(i));
        }
    }

    @Test
    void afterTheStopTheRestIsStillReceived() throws Exception {
        try (Cluster c = new Cluster()) {
            publish(c);
            for (int i = 0; i < 10; i++) c.next();
            c.receiver.stop();
            int seen = 10;
            for (Envelope e : c.receiver) assertEquals(Integer.toString(seen++), e.data());
            assertEquals(COUNT, seen);
        }
    }

    @Test
    void aClosedNodeTakesNothingThatWasFetchedAhead() throws Exception {
        try (Cluster c = new Cluster()) {
            publish(c);
            Node node = new Node("n", c.receiver, null);
            for (int i = 0; i < 10; i++) node.receive(PATIENCE);
            node.close();
            HermesException error = assertThrows(HermesException.class, () -> node.receive(PATIENCE));
            assertEquals(ErrorCode.EBADHANDLE, error.code());
            assertEquals("10", c.next().data());
        }
    }

    @Test
    void theLoopOfANodeRelaysWhatWasFetchedAhead() throws Exception {
        try (Cluster c = new Cluster("RAW/");
                Receiver source = new Receiver(c.office.out(), "source", "t");
                Publisher again = new Publisher(c.office.in(), "again");
                Node node = new Node("n", source, again)) {
            source.set("on_slow", "ignore");
            node.start();
            node.awaitReady(PATIENCE);
            for (int i = 0; i < COUNT; i++) c.publisher.publish("t", Integer.toString(i));
            eventually(() -> counter(source, "arrived") == COUNT);
            for (int i = 0; i < 10; i++) node.receive(PATIENCE);
            Thread loop = new Thread(node);
            loop.start();
            for (int i = 10; i < COUNT; i++) assertEquals(Integer.toString(i), c.next().data());
            node.stop();
            loop.join();
        }
    }

    @Test
    void manyThreadsTakeEachEnvelopeOnceAndInOrder() throws Exception {
        try (Cluster c = new Cluster()) {
            Map<String, Thread> taken = new ConcurrentHashMap<>();
            AtomicInteger wrong = new AtomicInteger();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                Thread thread = new Thread(() -> {
                    int last = -1;
                    for (Envelope e : c.receiver) {
                        int number = Integer.parseInt(e.data());
                        if (number <= last || taken.put(e.data(), Thread.currentThread()) != null) wrong.incrementAndGet();
                        last = number;
                    }
                });
                thread.start();
                threads.add(thread);
            }
            for (int i = 0; i < 20 * COUNT; i++) c.publisher.publish("t", Integer.toString(i));
            eventually(() -> taken.size() == 20 * COUNT);
            c.receiver.close();
            for (Thread thread : threads) thread.join(PATIENCE.toMillis());
            assertEquals(0, wrong.get());
        }
    }
}
