package io.github.hermeszmq;

import com.sun.jna.Platform;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The libhermes inside the jar, with the libraries that it needs.
 *
 * <p>The system loads libraries only from files. So the files are extracted into a new temporary folder that only
 * this user can read, loaded, and deleted at once; the process keeps its mappings.
 */
final class BundledLibrary {
    /** Its name in error texts. */
    static final String NAME = "the library inside the jar";

    /** The folder in the jar; its entry {@code files} lists the paths below it. */
    private static final String FOLDER = Platform.RESOURCE_PREFIX;

    private static final String LIBRARY = "hermes/_lib/" + fileName(FOLDER);

    private BundledLibrary() {}

    /** The name of the library's file on a platform, which is named as by JNA: {@code linux-x86-64}. */
    static String fileName(String platform) {
        if (platform.startsWith("win32-")) return "hermes.dll";
        return platform.startsWith("darwin-") ? "libhermes.2.dylib" : "libhermes.so.2";
    }

    /** The name of the library's file here. */
    static String fileName() {
        return fileName(FOLDER);
    }

    /** The platforms for which the jar has a library, for error texts. */
    static String platforms() {
        InputStream in = BundledLibrary.class.getResourceAsStream("platforms");
        if (in == null) return "none";
        try (var lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
            return String.join(", ", lines.lines().toList());
        } catch (IOException error) {
            return "unknown: " + error.getMessage();
        }
    }

    /** What this platform is, and which ones the jar serves. */
    static String advice() {
        return "This is " + FOLDER + "; the jar has a library for: " + platforms() + ".";
    }

    /** Whether the jar has a library for this platform. */
    static boolean exists() {
        return BundledLibrary.class.getResource(FOLDER + "/files") != null;
    }

    /** Extracts the library, calls {@code load} with its path, and deletes it, now or (on Windows) at the exit. */
    static void withLibrary(Consumer<String> load) throws IOException {
        Path folder = Files.createTempDirectory("hermes-zmq");
        try {
            for (String name : files()) {
                Path file = folder.resolve(name);
                Files.createDirectories(file.getParent());
                try (InputStream in = open(name)) {
                    Files.copy(in, file);
                }
            }
            load.accept(folder.resolve(LIBRARY).toString());
        } finally {
            remove(folder);
        }
    }

    private static List<String> files() throws IOException {
        List<String> names = new ArrayList<>();
        try (var lines = new BufferedReader(new InputStreamReader(open("files"), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) names.add(line);
        }
        return names;
    }

    private static InputStream open(String name) throws IOException {
        InputStream in = BundledLibrary.class.getResourceAsStream(FOLDER + "/" + name);
        if (in == null) throw new IOException("the jar has no " + FOLDER + "/" + name);
        return in;
    }

    private static void remove(Path folder) throws IOException {
        try (Stream<Path> found = Files.walk(folder)) {
            for (Path path : found.sorted(Comparator.reverseOrder()).toList()) {
                if (Platform.isWindows()) path.toFile().deleteOnExit(); // a loaded file cannot be deleted
                else Files.delete(path);
            }
        }
    }
}
