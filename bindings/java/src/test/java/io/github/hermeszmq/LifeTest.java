package io.github.hermeszmq;

import static io.github.hermeszmq.Cluster.PATIENCE;
import static io.github.hermeszmq.Cluster.eventually;
import static io.github.hermeszmq.RoundtripTest.is;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Errors, stopping and closing, and leaks. */
class LifeTest {
    private static final String NOWHERE = "tcp://127.0.0.1:1";

    @Test
    void everyCodeOfTheHeader() throws IOException {
        String header = Files.readString(Cluster.checkout("include/hermes.h").toPath());
        Map<String, Integer> defined = new HashMap<>();
        Matcher match = Pattern.compile("#define HERMES_(E[A-Z0-9]+) \\((-\\d+)\\)").matcher(header);
        while (match.find()) defined.put(match.group(1), Integer.parseInt(match.group(2)));
        assertTrue(defined.size() >= 18);
        Map<String, Integer> ours = new HashMap<>();
        for (ErrorCode code : ErrorCode.values()) {
            if (code == ErrorCode.UNKNOWN) continue;
            ours.put(code.name(), code.number());
            assertEquals(code, new HermesException(code.number(), "").code());
            assertNotEquals(Native.hermes_strerror(-9999).getString(0), Hermes.describe(code));
        }
        assertEquals(defined, ours);
        assertEquals(ErrorCode.UNKNOWN, new HermesException(-9999, "").code());
        assertEquals(-9999, new HermesException(-9999, "").number());
    }

    private static void fails(ErrorCode code, String says, org.junit.jupiter.api.function.Executable call) {
        HermesException error = assertThrows(HermesException.class, call);
        assertEquals(code, error.code());
        assertEquals(code.number(), error.number());
        assertTrue(error.getMessage().contains(says), error.getMessage());
    }

    @Test
    void errorsNameWhatIsWrong() throws InterruptedException {
        try (Cluster c = new Cluster();
                Publisher fresh = new Publisher(NOWHERE, "fresh");
                Receiver lost = new Receiver(NOWHERE, "lost");
                PostOffice second = new PostOffice(c.office.in(), "tcp://127.0.0.1:*")) {
            fails(ErrorCode.EINVAL, "", () -> new Publisher(NOWHERE, ""));
            fails(ErrorCode.EINVAL, "NUL", () -> new Publisher(NOWHERE, "a\0b"));
            fails(ErrorCode.EINVAL, "null", () -> new Publisher(null, "p"));
            fails(ErrorCode.EINVAL, "null", () -> c.publisher.publish("t", null));
            fails(ErrorCode.EINVAL, "null", () -> c.publisher.publishMany(List.of(new Publisher.Item("t", null))));
            fails(ErrorCode.EADDRESS, "nonsense", () -> new Receiver("nonsense", "r"));
            fails(ErrorCode.EADDRINUSE, "127.0.0.1", second::start);
            fails(ErrorCode.EOPTION, "queue.mesages", () -> c.publisher.set("queue.mesages", 1));
            fails(ErrorCode.EOPTION, "no.such", () -> c.receiver.get("no.such"));
            fails(ErrorCode.ESTATE, "", c.office::start);
            fails(ErrorCode.ESTATE, "", () -> fresh.publish("t", "1"));
            fails(ErrorCode.ESTATE, "", lost::receive);
            fails(ErrorCode.EJSON, "{nonsense", () -> c.publisher.publish("t", "{nonsense"));
            fails(ErrorCode.EINVAL, "max", () -> c.receiver.receiveMany(0, Duration.ZERO));
            fails(ErrorCode.ETIMEOUT, "", () -> c.receiver.awaitStopped(Duration.ofMillis(20)));
            lost.start();
            fails(ErrorCode.ETIMEOUT, "", () -> lost.awaitReady(Duration.ofMillis(20)));
            fresh.set("message.bytes", 1000);
            fresh.start();
            fails(ErrorCode.ETOOBIG, "message.bytes", () -> fresh.publish("t", '"' + "x".repeat(2000) + '"'));
            assertTrue(c.receiver.receive(Duration.ZERO).isEmpty());
            assertTrue(c.receiver.receive(Duration.ofNanos(1)).isEmpty());
            assertTrue(c.receiver.receiveMany(5, Duration.ofMillis(20)).isEmpty());
        }
    }

    @Test
    void aFullQueue() {
        try (Publisher publisher = new Publisher(NOWHERE, "p")) {
            publisher.set("queue.messages", 2);
            publisher.set("queue.block", Duration.ZERO);
            publisher.set("ready.hold", Duration.ofHours(1));
            publisher.set("sequence", false);
            publisher.start();
            assertTrue(publisher.tryPublish("t", "1") && publisher.tryPublish("t", "2"));
            assertFalse(publisher.tryPublish("t", "3"));
            is(ErrorCode.EFULL, () -> publisher.publish("t", "3"));
            fails(ErrorCode.ETIMEOUT, "2", () -> publisher.stop(Duration.ZERO));
        }
    }

    private static <T> FutureTask<T> inAThread(Callable<T> call) {
        FutureTask<T> task = new FutureTask<>(call);
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    private static ErrorCode codeOf(FutureTask<?> task) throws Exception {
        ExecutionException error =
                assertThrows(ExecutionException.class, () -> task.get(PATIENCE.toSeconds(), TimeUnit.SECONDS));
        return ((HermesException) error.getCause()).code();
    }

    @Test
    void stopAndCloseWakeThoseWhoWait() throws Exception {
        try (Cluster c = new Cluster()) {
            FutureTask<?> one = inAThread(c.receiver::receive);
            FutureTask<?> many = inAThread(() -> c.receiver.receiveMany(5, Component.FOREVER));
            FutureTask<Integer> loop = inAThread(() -> {
                int count = 0;
                for (Envelope envelope : c.receiver) count += envelope.topic().length();
                return count;
            });
            Thread.sleep(50);
            c.receiver.stop();
            assertEquals(ErrorCode.ESTOPPED, codeOf(one));
            assertEquals(ErrorCode.ESTOPPED, codeOf(many));
            assertEquals(0, loop.get(PATIENCE.toSeconds(), TimeUnit.SECONDS));
            assertEquals("stop", c.receiver.stopReason());

            c.receiver.start();
            FutureTask<?> again = inAThread(c.receiver::receive);
            Thread.sleep(50);
            c.receiver.close();
            c.receiver.close();
            assertTrue(codeOf(again) == ErrorCode.ESTOPPED);
            is(ErrorCode.EBADHANDLE, c.receiver::start);
            is(ErrorCode.EBADHANDLE, c.receiver::receive);
        }
    }

    @Test
    void anInterruptEndsAWait() throws Exception {
        try (Cluster c = new Cluster()) {
            FutureTask<Boolean> loop = new FutureTask<>(() -> {
                for (Envelope envelope : c.receiver) throw new IllegalStateException(envelope.toString());
                return Thread.interrupted();
            });
            Thread thread = new Thread(loop);
            thread.start();
            Thread.sleep(50);
            thread.interrupt();
            assertTrue(loop.get(PATIENCE.toSeconds(), TimeUnit.SECONDS));
            Thread.currentThread().interrupt();
            assertThrows(InterruptedException.class, () -> c.receiver.receive(PATIENCE));
            c.publisher.publish("t", "1");
            assertEquals("1", c.next().data());
        }
    }

    @Test
    void closingInTheMidstOfAFlood() throws Exception {
        try (Cluster c = new Cluster()) {
            List<FutureTask<Integer>> readers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                readers.add(inAThread(() -> {
                    int count = 0;
                    try {
                        for (Envelope envelope : c.receiver) count += envelope.data().length();
                    } catch (HermesException closed) {
                        assertEquals(ErrorCode.EBADHANDLE, closed.code());
                    }
                    return count;
                }));
            }
            FutureTask<Boolean> writer = inAThread(() -> {
                while (true) {
                    try {
                        c.publisher.publish("t", "1");
                    } catch (HermesException closed) {
                        return List.of(ErrorCode.EBADHANDLE, ErrorCode.ESTATE).contains(closed.code());
                    }
                }
            });
            Thread.sleep(200);
            c.receiver.close();
            c.publisher.close();
            assertTrue(writer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS));
            int taken = 0;
            for (FutureTask<Integer> reader : readers) taken += reader.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            assertTrue(taken > 0);
        }
    }

    @Test
    void whatHasArrivedOutlivesTheStopAndAStartBeginsAgain() throws InterruptedException {
        try (Cluster c = new Cluster()) {
            for (int i = 0; i < 100; i++) c.publisher.publish("t", Integer.toString(i));
            eventually(() -> c.receiver.stats().contains("\"arrived\":100"));
            c.receiver.stop();
            int expected = 0;
            for (Envelope envelope : c.receiver) assertEquals(Integer.toString(expected++), envelope.data());
            assertEquals(100, expected);
            c.receiver.start();
            c.receiver.awaitReady(PATIENCE);
            c.publisher.awaitReady(PATIENCE);
            c.publisher.publish("t", "\"again\"");
            assertEquals("\"again\"", c.next().data());
        }
    }

    @Test
    void events() throws InterruptedException {
        try (Cluster c = new Cluster()) {
            StringBuilder seen = new StringBuilder();
            while (seen.indexOf("\"connected\"") < 0) seen.append(c.publisher.nextEvent(PATIENCE).orElseThrow());
            assertTrue(seen.toString().contains("\"started\""), seen.toString());
            while (c.receiver.nextEvent(Duration.ZERO).isPresent()) {}
            assertTrue(c.receiver.nextEvent(Duration.ofMillis(20)).isEmpty());
        }
    }

    private static long entries(String folder) {
        return new File(folder).list().length;
    }

    @Test
    void aHundredClustersLeaveNothingBehind() throws InterruptedException {
        for (int i = 0; i < 20; i++) cycle();
        long descriptors = entries("/proc/self/fd");
        long threads = entries("/proc/self/task");
        for (int i = 0; i < 100; i++) cycle();
        // The JVM opens and closes files of its own; threads of the Go runtime come when calls block, and stay.
        eventually(() -> entries("/proc/self/fd") <= descriptors + 3);
        eventually(() -> entries("/proc/self/task") <= threads + 10);
    }

    private static void cycle() throws InterruptedException {
        try (Cluster c = new Cluster();
                Node node = new Node("n", c.receiver, c.publisher)) {
            c.publisher.publish("t", "1");
            assertEquals("1", c.next().data());
            node.stop();
        }
    }

    @Test
    void whatTheLibraryHandsOutIsFreed() throws InterruptedException, IOException {
        try (Cluster c = new Cluster()) {
            String big = '"' + "x".repeat(1 << 20) + '"';
            rounds(c, big, 100);
            long before = resident();
            rounds(c, big, 600); // 600 MB, were it not freed
            long after = resident();
            assertTrue(after < before + 400, before + " MB before, " + after + " MB after");
        }
    }

    private static void rounds(Cluster c, String data, int count) throws InterruptedException {
        for (int i = 0; i < count; i++) {
            c.publisher.publish("t", data);
            Envelope envelope = i % 2 == 0 ? c.next() : c.receiver.receiveMany(1, PATIENCE).get(0);
            assertEquals(data.length(), envelope.data().length());
            c.publisher.stats();
        }
        System.gc();
    }

    private static long resident() throws IOException {
        String status = Files.readString(Path.of("/proc/self/status"));
        Matcher match = Pattern.compile("VmRSS:\\s+(\\d+)").matcher(status);
        assertTrue(match.find());
        return Long.parseLong(match.group(1)) / 1024;
    }

    /** Publishes once, and forgets to stop. */
    static final class LastWords {
        private LastWords() {}

        public static void main(String[] args) {
            Publisher publisher = new Publisher(args[0], "forgetful");
            publisher.start();
            publisher.publish("t", "\"good bye\"");
        }
    }

    @Test
    void theLastWordsOfAProcessThatJustEnds() throws Exception {
        try (Cluster c = new Cluster()) {
            Cluster.java(List.of(), LastWords.class.getName(), c.office.in());
            assertEquals("\"good bye\"", c.next().data());
        }
    }

    /** Says why the library cannot be loaded. */
    static final class Unloadable {
        private Unloadable() {}

        public static void main(String[] args) {
            try {
                System.out.println(Hermes.version());
            } catch (UnsatisfiedLinkError error) {
                System.out.println(error.getMessage());
            }
        }
    }

    @Test
    void aLibraryThatCannotBeLoadedIsNamed() throws Exception {
        String missing = Cluster.java(List.of("HERMES_LIBRARY=/nowhere/libhermes.so.2"), Unloadable.class.getName());
        assertTrue(missing.contains("tried /nowhere/libhermes.so.2") && missing.contains("HERMES_LIBRARY"), missing);
        String wrong = Cluster.java(List.of("HERMES_LIBRARY=libc.so.6"), Unloadable.class.getName());
        assertTrue(wrong.contains("libc.so.6: not a hermes library"), wrong);
        assertTrue(Hermes.version().startsWith("2."));
    }

    @Test
    void theTenLinesOfTheReadme(@TempDir Path folder) throws Exception {
        String readme = Files.readString(Cluster.checkout("bindings/java/README.md").toPath());
        Matcher program = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(readme);
        Matcher printed = Pattern.compile("```text\n(.*?)```", Pattern.DOTALL).matcher(readme);
        assertTrue(program.find() && printed.find());
        Path source = folder.resolve("Ten.java");
        // A port that no other program uses; otherwise the same program.
        Files.writeString(source, program.group(1).replace("tcp://127.0.0.1:", "ipc://" + folder + "/"));
        assertEquals(printed.group(1), Cluster.java(List.of(), source.toString()));
    }
}
