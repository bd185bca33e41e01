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
 * The library that travels inside the jar, with the libraries that it needs.
 *
 * <p>The system loads libraries from files alone. So they are written into a new folder of the
 * system's folder for temporary files, which only this user can read, and removed as soon as the
 * library is loaded: the process keeps what it has mapped, and nothing stays behind.
 */
final class Packed {
    /** What errors call it. */
    static final String NAME = "the library inside the jar";

    /** Where in the jar the files are, each at its path in the list {@code files}. */
    private static final String FOLDER = Platform.RESOURCE_PREFIX;

    private static final String LIBRARY = "hermes/_lib/libhermes.so.2";

    private Packed() {}

    /** Whether there is one for this kind of machine. */
    static boolean isHere() {
        return Packed.class.getResource(FOLDER + "/files") != null;
    }

    /** Calls {@code load} with the path of the library, which is gone when it returns. */
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
        InputStream in = Packed.class.getResourceAsStream(FOLDER + "/" + name);
        if (in == null) throw new IOException("the jar has no " + FOLDER + "/" + name);
        return in;
    }

    private static void remove(Path folder) throws IOException {
        try (Stream<Path> found = Files.walk(folder)) {
            for (Path path : found.sorted(Comparator.reverseOrder()).toList()) Files.delete(path);
        }
    }
}
