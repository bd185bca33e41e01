package io.github.hermeszmq;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the tests share: a post office, a receiver and a publisher that are ready. */
final class Cluster implements AutoCloseable {
    /** How long anything may take before a test calls it dead. */
    static final Duration PATIENCE = Duration.ofMinutes(1);

    final PostOffice office = new PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
    final Receiver receiver;
    final Publisher publisher;

    Cluster(String... topics) throws InterruptedException {
        office.start();
        receiver = new Receiver(office.out(), "r", topics);
        receiver.set("on_slow", "ignore");
        publisher = new Publisher(office.in(), "p");
        receiver.start();
        publisher.start();
        receiver.awaitReady(PATIENCE);
        publisher.awaitReady(PATIENCE);
    }

    /** The next envelope, which must come. */
    Envelope next() throws InterruptedException {
        return receiver.receive(PATIENCE).orElseThrow();
    }

    @Override
    public void close() {
        publisher.close();
        receiver.close();
        office.close();
    }

    /** Asks until the answer is yes. */
    static void eventually(BooleanSupplier question) throws InterruptedException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!question.getAsBoolean()) {
            assertTrue(System.nanoTime() < end, "never came true");
            Thread.sleep(5);
        }
    }

    /** A path in the checkout. */
    static File checkout(String path) {
        File folder = new File("").getAbsoluteFile();
        while (!new File(folder, "include/hermes.h").exists()) folder = folder.getParentFile();
        return new File(folder, path);
    }

    /** Runs a JVM on this class path, which must exit with 0; returns what it printed. */
    static String java(List<String> environment, String... arguments) throws IOException, InterruptedException {
        return java(new File(System.getProperty("java.home")), environment, arguments);
    }

    /** The same with the Java that is in a folder. */
    static String java(File home, List<String> environment, String... arguments) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of(home + "/bin/java", "-XX:+UseSerialGC"));
        words.addAll(List.of("-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path")));
        words.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
        for (String one : environment) builder.environment().put(one.split("=", 2)[0], one.split("=", 2)[1]);
        Process process = builder.start();
        process.getOutputStream().close();
        // What hangs is ended, so that reading what it prints ends as well.
        Thread guard = new Thread(() -> {
            try {
                if (!process.waitFor(2 * PATIENCE.toSeconds(), TimeUnit.SECONDS)) process.destroyForcibly();
            } catch (InterruptedException over) {
                Thread.currentThread().interrupt();
            }
        });
        guard.start();
        String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        assertTrue(process.exitValue() == 0, printed);
        return printed;
    }

    /** The folder of a Java of that version or later; null where there is none. */
    static File newerJava(int wanted) throws IOException {
        if (Runtime.version().feature() >= wanted) return new File(System.getProperty("java.home"));
        File[] found = new File("/usr/lib/jvm").listFiles();
        for (File home : found == null ? new File[0] : found) {
            Path release = home.toPath().resolve("release");
            if (!Files.exists(release)) continue;
            Matcher version = Pattern.compile("JAVA_VERSION=\"(\\d+)").matcher(Files.readString(release));
            if (version.find() && Integer.parseInt(version.group(1)) >= wanted) return home;
        }
        return null;
    }
}
