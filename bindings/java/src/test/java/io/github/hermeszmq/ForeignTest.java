package io.github.hermeszmq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Calls by the foreign function API do what those by JNA do. */
class ForeignTest {
    /** One of everything that goes through {@link Calls}; prints how. */
    static final class Program {
        private Program() {}

        public static void main(String[] args) throws Exception {
            try (Cluster c = new Cluster()) {
                String[] texts = {"1", "\"täglich € 🙂\"", '"' + "x".repeat(100_000) + '"'};
                for (String text : texts) c.publisher.publish("t/ö", text, "");
                c.publisher.publish("t", "[1.5E300]", "o");
                assertEquals(2, c.publisher.publishMany(List.of(new Publisher.Item("a", "1"), new Publisher.Item("b", "2"))));
                for (String text : texts) {
                    Envelope e = c.next();
                    assertEquals("t/ö", e.topic());
                    assertEquals("", e.origin());
                    assertEquals(text, e.data());
                    assertTrue(e.ts() > 1.6e9 && e.received() > 1.6e9 && e.lost() == 0);
                }
                assertEquals("o", c.next().origin());
                assertEquals("1", c.next().data());
                assertEquals("2", c.next().data());
            }
            System.out.println(Foreign.ENABLED ? "foreign" : "JNA");
        }
    }

    private static String run(File java, String... flags) throws Exception {
        List<String> words = new ArrayList<>(List.of(flags));
        words.add(Program.class.getName());
        return Cluster.java(java, List.of(), words.toArray(String[]::new)).strip();
    }

    @Test
    void jnaServesWhereThereIsNone() throws Exception {
        assertTrue(run(new File(System.getProperty("java.home")), "-Dhermes.foreign=off").endsWith("JNA"));
    }

    @Test
    void itIsUsedWhereJavaHasIt() throws Exception {
        File java = Cluster.newerJava(22);
        Assumptions.assumeTrue(java != null, "not tested: there is no Java 22 or later, as JAVA_HOME or in /usr/lib/jvm");
        assertTrue(run(java, "--enable-native-access=ALL-UNNAMED").endsWith("foreign"));
        assertTrue(run(java, "-Dhermes.foreign=off", "--enable-native-access=ALL-UNNAMED").endsWith("JNA"));
    }
}
