import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.charset.StandardCharsets;

/** A tick as a program has it, and its JSON; everything about it follows from its number. */
@JsonFormat(shape = JsonFormat.Shape.ARRAY)
@JsonPropertyOrder({"kind", "time", "symbol", "price", "number"})
record Tick(String kind, double time, String symbol, double price, long number) {
    private static final int FIRST = 1_000_000_000;

    /** Says that the ways are open, and that the warm-up is over. */
    static final Tick PROBE = new Tick("Probe", 1763800000, "BTCUSD", 42000, FIRST);

    private static final ObjectWriter WRITER = JsonMapper.builder().build().writerFor(Tick.class);
    private static final ObjectReader READER = JsonMapper.builder().build().readerFor(Tick.class);

    /** The tick of that number; those below 0 are of the warm-up. */
    static Tick of(int number) {
        int n = Math.abs(number);
        double price = 42000 + n % 100 + n % 4 / 4.0;
        return new Tick(number < 0 ? "Warm" : "Tick", 1763800000 + n % 1_000_000 / 1e6, "BTCUSD", price, FIRST + n);
    }

    static String write(Tick tick) {
        try {
            return WRITER.writeValueAsString(tick);
        } catch (JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
    }

    static Tick read(String json) {
        try {
            return READER.readValue(json);
        } catch (JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
    }

    // ---- As text that the program has already

    private static final byte[] TEXT =
            "[\"Tick\",1763800000.000000,\"BTCUSD\",42000.00,1000000000]".getBytes(StandardCharsets.ISO_8859_1);
    private static final byte[] CENTS = "00255075".getBytes(StandardCharsets.ISO_8859_1);

    /** Writes the JSON of ticks. What it costs is part of the figures of all contestants, so it writes digits only. */
    static final class Writer {
        private final byte[] text = TEXT.clone();

        String text(int number) {
            int n = Math.abs(number);
            text[2] = (byte) (number < 0 ? 'W' : 'T');
            digits(19, 6, n % 1_000_000);
            digits(38, 2, n % 100);
            text[41] = CENTS[n % 4 * 2];
            text[42] = CENTS[n % 4 * 2 + 1];
            digits(44, 10, FIRST + n);
            return new String(text, StandardCharsets.ISO_8859_1);
        }

        private void digits(int at, int count, int value) {
            for (int i = at + count - 1; i >= at; i--, value /= 10) text[i] = (byte) ('0' + value % 10);
        }
    }
}
