package io.github.hermeszmq;

import static io.github.hermeszmq.Cluster.PATIENCE;
import static io.github.hermeszmq.Cluster.eventually;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Many threads that wait, virtual ones, and what ends their waiting. */
class WaitingTest {
    private static List<Thread> start(int count, Runnable work) {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Thread thread = new Thread(work);
            thread.setDaemon(true);
            thread.start();
            threads.add(thread);
        }
        return threads;
    }

    /** Parked, and not in a native call, which would have to return now and then. */
    private static boolean parked(List<Thread> threads) {
        List<Thread.State> waiting = List.of(Thread.State.WAITING, Thread.State.TIMED_WAITING);
        return threads.stream().allMatch(thread -> waiting.contains(thread.getState()));
    }

    @Test
    void idleThreadsAreParkedUntilSomethingComes() throws Exception {
        try (Cluster c = new Cluster()) {
            int count = 100;
            AtomicInteger taken = new AtomicInteger();
            AtomicInteger ended = new AtomicInteger();
            List<Thread> threads = start(count, () -> {
                for (Envelope envelope : c.receiver) taken.addAndGet(Integer.parseInt(envelope.data()));
                ended.incrementAndGet();
            });
            eventually(() -> parked(threads));
            for (int round = 1; round <= 20; round++) {
                int sum = round * 50;
                for (int i = 0; i < 50; i++) c.publisher.publish("t", "1");
                eventually(() -> taken.get() == sum);
                if (round % 5 == 0) eventually(() -> parked(threads));
            }
            c.receiver.close();
            eventually(() -> ended.get() == count);
        }
    }

    @Test
    void whoIsInterruptedTakesNoWakeUpAlong() throws Exception {
        try (Cluster c = new Cluster()) {
            for (int round = 0; round < 30; round++) {
                AtomicInteger interrupted = new AtomicInteger();
                CountDownLatch arrived = new CountDownLatch(1);
                List<Thread> threads = start(4, () -> {
                    try {
                        c.receiver.receive();
                        arrived.countDown();
                    } catch (InterruptedException over) {
                        interrupted.incrementAndGet();
                    }
                });
                eventually(() -> parked(threads));
                c.publisher.publish("t", Integer.toString(round));
                threads.get(round % 4).interrupt();
                // Either of the two may come first, but another one takes it then.
                arrived.await();
                for (Thread thread : threads) thread.interrupt();
                for (Thread thread : threads) thread.join();
                assertTrue(interrupted.get() == 3, interrupted.toString());
            }
        }
    }

    @Test
    void closingInTheBodyOfALoopEndsIt() throws Exception {
        try (Cluster c = new Cluster()) {
            for (int i = 0; i < 10; i++) c.publisher.publish("t", Integer.toString(i));
            eventually(() -> c.receiver.stats().contains("\"arrived\":10"));
            int seen = 0;
            for (Envelope envelope : c.receiver) {
                assertEquals(Integer.toString(seen++), envelope.data());
                if (seen == 3) c.receiver.close();
            }
            assertEquals(3, seen);
            HermesException error = assertThrows(HermesException.class, c.receiver::iterator);
            assertEquals(ErrorCode.EBADHANDLE, error.code());
        }
    }

    @Test
    void aNodeThatIsClosedWakesWhoWaitsByIt() throws Exception {
        try (Cluster c = new Cluster()) {
            Node node = new Node("n", c.receiver, null);
            AtomicInteger ended = new AtomicInteger();
            List<Thread> threads = start(3, () -> {
                HermesException error =
                        assertThrows(HermesException.class, () -> node.receive(Component.FOREVER));
                if (error.code() == ErrorCode.ESTOPPED) ended.incrementAndGet();
            });
            eventually(() -> parked(threads));
            node.close();
            eventually(() -> ended.get() == 3);
            c.publisher.publish("t", "1");
            assertEquals("1", c.next().data());
        }
    }

    // ---- What wakes them fails

    /** Takes a descriptor from the thread that waits for it, and puts another file in its place. */
    interface Files_ extends com.sun.jna.Library {
        Files_ C = com.sun.jna.Native.load("c", Files_.class);

        int open(String path, int flags);

        int dup2(int from, int to);

        int setrlimit(int resource, long[] limits);

        int getrlimit(int resource, long[] limits);
    }

    private static final int NULL = Files_.C.open("/dev/null", 0);

    private static void takeTheDescriptor() {
        assertTrue(Files_.C.dup2(NULL, PipePoller.descriptor()) >= 0);
    }

    @Test
    void whatWakesThemBeginsAnewWhenItsDescriptorIsTaken() throws Exception {
        try (Cluster c = new Cluster()) {
            AtomicInteger taken = new AtomicInteger();
            AtomicInteger ended = new AtomicInteger();
            List<Thread> threads = start(3, () -> {
                for (Envelope envelope : c.receiver) taken.addAndGet(Integer.parseInt(envelope.data()));
                ended.incrementAndGet();
            });
            for (int round = 1; round <= 10; round++) {
                eventually(() -> parked(threads) && PipePoller.descriptor() >= 0);
                takeTheDescriptor();
                for (int i = 0; i < 10; i++) c.publisher.publish("t", "1");
                int sum = 10 * round;
                eventually(() -> taken.get() == sum);
            }
            c.receiver.close();
            eventually(() -> ended.get() == 3);
        }
    }

    /** The same without a free descriptor, in a separate JVM. */
    static final class WithoutDescriptors {
        private WithoutDescriptors() {}

        public static void main(String[] args) throws Exception {
            try (Cluster c = new Cluster()) {
                Thread first = first(c);
                eventually(() -> parked(List.of(first)));
                // Loads what is needed, which takes descriptors.
                assertEquals(ErrorCode.EIO, new HermesException(ErrorCode.EIO, "").code());
                c.publisher.publish("t", "\"first\"");
                assertEquals("\"first\"", TAKEN.take());
                eventually(() -> parked(List.of(first)));
                long[] limits = new long[2];
                assertEquals(0, Files_.C.getrlimit(7, limits)); // RLIMIT_NOFILE
                long before = limits[0];
                limits[0] = 3;
                takeTheDescriptor(); // the thread sees that at the next byte
                assertEquals(0, Files_.C.setrlimit(7, limits));
                for (int i = 0; i < 20; i++) {
                    c.publisher.publish("t", Integer.toString(i));
                    assertEquals(Integer.toString(i), TAKEN.take());
                }
                assertEquals(-1, PipePoller.descriptor());
                limits[0] = before;
                assertEquals(0, Files_.C.setrlimit(7, limits));
                eventually(() -> PipePoller.descriptor() >= 0);
                c.publisher.publish("t", "\"last\"");
                assertEquals("\"last\"", TAKEN.take());
                c.receiver.close();
                first.join();
            }
            System.out.println("all of them came");
        }

        private static final java.util.concurrent.LinkedBlockingQueue<String> TAKEN =
                new java.util.concurrent.LinkedBlockingQueue<>();

        private static Thread first(Cluster c) {
            return start(1, () -> {
                        for (Envelope envelope : c.receiver) TAKEN.add(envelope.data());
                    })
                    .get(0);
        }
    }

    @Test
    void waitingGoesOnWhenNoDescriptorIsToBeHad() throws Exception {
        String name = WithoutDescriptors.class.getName();
        assertEquals("all of them came\n", Cluster.java(List.of(), name));
    }

    // ---- Virtual threads, of Java 21 and later

    /** Everything that waits, on virtual threads that have one carrier among them. */
    static final class Virtually {
        private Virtually() {}

        private static final AtomicInteger DONE = new AtomicInteger();

        /** As Callable, without a result. */
        interface Work {
            void run() throws Exception;
        }

        private static Thread virtual(Work work) throws ReflectiveOperationException {
            Runnable task = () -> {
                try {
                    work.run();
                    DONE.incrementAndGet();
                } catch (Exception | AssertionError error) {
                    error.printStackTrace();
                }
            };
            return (Thread) Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, task);
        }

        private static void done(int count) throws InterruptedException {
            eventually(() -> DONE.get() == count);
            DONE.set(0);
        }

        public static void main(String[] args) throws Exception {
            try (Cluster c = new Cluster();
                    Publisher stuck = new Publisher("tcp://127.0.0.1:1", "stuck")) {
                receive(c);
                flood(c);
                publish(stuck);
                waitForOthers(c, stuck);
            }
            System.out.println("none has held the carrier");
        }

        private static void receive(Cluster c) throws Exception {
            for (int i = 0; i < 50; i++) virtual(() -> c.receiver.receive());
            virtual(() -> assertEquals(Optional.empty(), new Node("n", c.receiver, null).receive(Duration.ofMillis(1))));
            Thread asleep = virtual(() -> assertThrows(InterruptedException.class, () -> c.receiver.receiveMany(5, PATIENCE)));
            virtual(() -> asleep.interrupt());
            done(3);
            virtual(() -> {
                for (int i = 0; i < 50; i++) c.publisher.publish("t", "[1]", i % 2 == 0 ? "" : null);
            });
            done(51);
            for (int i = 0; i < 1000; i++) virtual(() -> c.publisher.publish("t", "1"));
            for (int i = 0; i < 1000; i++) virtual(() -> assertEquals("1", c.receiver.receive().data()));
            done(2000);
        }

        /** Calls that never have to wait: others have their turns before they are through. */
        private static void flood(Cluster c) throws Exception {
            int count = 20_000;
            AtomicInteger turns = new AtomicInteger();
            virtual(() -> {
                for (int i = 0; i < count; i++) {
                    c.publisher.publish("t", "2");
                    if (i == 0) virtual(turns::incrementAndGet);
                }
                assertEquals(1, turns.get());
            });
            done(2);
            eventually(() -> c.receiver.stats().contains("\"queued\":" + count));
            virtual(() -> {
                for (int i = 0; i < count; i++) {
                    assertEquals("2", c.receiver.receive().data());
                    if (i == 0) virtual(turns::incrementAndGet);
                }
                assertEquals(2, turns.get());
            });
            done(2);
        }

        private static void publish(Publisher stuck) throws Exception {
            stuck.set("queue.messages", 1);
            stuck.set("queue.block", Duration.ofMillis(300));
            stuck.set("ready.hold", Duration.ofHours(1));
            stuck.start();
            virtual(() -> stuck.publish("t", "1"));
            done(1);
            // All of them wait at the same time for room that there will not be.
            for (int i = 0; i < 20; i++) {
                virtual(() -> {
                    HermesException full = assertThrows(HermesException.class, () -> stuck.publish("t", "2"));
                    assertEquals(ErrorCode.EFULL, full.code());
                });
            }
            done(20);
        }

        private static void waitForOthers(Cluster c, Publisher stuck) throws Exception {
            stuck.set("linger", Duration.ofMillis(300));
            for (int i = 0; i < 10; i++) virtual(() -> c.office.awaitStopped(PATIENCE));
            virtual(() -> new Receiver("tcp://127.0.0.1:1", "r") {
                {
                    start();
                    HermesException late = assertThrows(HermesException.class, () -> awaitReady(Duration.ofMillis(30)));
                    assertEquals(ErrorCode.ETIMEOUT, late.code());
                    stop();
                }
            });
            virtual(() -> assertThrows(HermesException.class, () -> stuck.stop(Duration.ofMillis(300))));
            done(2);
            for (int i = 0; i < 10; i++) {
                virtual(() -> assertThrows(HermesException.class, () -> {
                    while (c.office.nextEvent(PATIENCE).isPresent()) {}
                }));
                virtual(() -> {
                    for (Envelope envelope : c.receiver) assertEquals("", envelope.topic());
                });
            }
            virtual(c.receiver::close);
            virtual(stuck::close);
            done(12);
            virtual(c.office::stop);
            done(21); // waiting for its end, waiting for its events, and the stop
        }
    }

    @Test
    void virtualThreadsDoNotHoldTheirCarriers() throws Exception {
        File java = Cluster.newerJava(21);
        Assumptions.assumeTrue(java != null, "virtual threads are not tested: there is no Java 21 or later, as JAVA_HOME or in /usr/lib/jvm");
        String one = "-Djdk.virtualThreadScheduler.";
        String printed = Cluster.java(
                java,
                List.of(),
                one + "parallelism=1",
                one + "maxPoolSize=1",
                "--enable-native-access=ALL-UNNAMED",
                Virtually.class.getName());
        assertTrue(printed.endsWith("none has held the carrier\n"), printed); // perhaps behind a warning
    }
}
