package io.github.hermeszmq;

import static io.github.hermeszmq.Cluster.PATIENCE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/**
 * The JVM finds null pointers, stacks that overflow and threads to halt by signals (SIGSEGV), whose handlers Go
 * replaces by its own when it starts: what is not Go's must go on to the JVM. On threads that have been in Go, too.
 */
class SignalsTest {
    /** A field that is read through null, where compiled code does not look but has the processor find it. */
    private static final class Box {
        private int value = 1;
    }

    private static int read(Box box) {
        return box.value;
    }

    private static int deeper(int depth) {
        return deeper(depth + 1) + 1;
    }

    /** Catches what the JVM makes of its signals; returns how often that was. */
    private static int harm(int round) {
        int caught = 0;
        Box box = new Box();
        for (int i = 0; i < 20_000; i++) {
            try {
                read(i % 50 == 0 ? null : box);
            } catch (NullPointerException expected) {
                caught++;
            }
        }
        if (round % 10 == 0) {
            try {
                deeper(0);
            } catch (StackOverflowError expected) {
                caught++;
            }
        }
        return caught;
    }

    @Test
    void nullPointersAndOverflowsAndGarbageWhileThereIsTraffic() throws Exception {
        int threads = 4;
        int rounds = 100;
        AtomicBoolean over = new AtomicBoolean();
        try (Cluster c = new Cluster()) {
            List<FutureTask<Integer>> tasks = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                tasks.add(start(() -> {
                    int caught = 0;
                    for (int round = 0; round < rounds; round++) {
                        for (int i = 0; i < 50; i++) c.publisher.publish("t", "\"" + "x".repeat(i) + "\"");
                        caught += harm(round);
                    }
                    return caught;
                }));
            }
            FutureTask<Integer> collector = start(() -> {
                int collections = 0;
                for (; !over.get(); collections++) System.gc();
                return collections;
            });
            FutureTask<Integer> reader = start(() -> {
                int received = 0;
                for (; received < threads * rounds * 50; received++) {
                    c.receiver.receive(PATIENCE).orElseThrow();
                    if (received % 1000 == 0) harm(0);
                }
                return received;
            });
            for (FutureTask<Integer> task : tasks) assertEquals(rounds * 400 + rounds / 10, finish(task));
            assertEquals(threads * rounds * 50, finish(reader));
            over.set(true);
            assertTrue(finish(collector) > 0);
        }
    }

    private static FutureTask<Integer> start(java.util.concurrent.Callable<Integer> call) {
        FutureTask<Integer> task = new FutureTask<>(call);
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    private static int finish(FutureTask<Integer> task) throws Exception {
        return task.get(2 * PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }
}
