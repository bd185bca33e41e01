package io.github.hermeszmq;

import com.sun.jna.Pointer;
import java.nio.ByteBuffer;

/**
 * One received envelope.
 *
 * @param topic what it is about
 * @param origin who said it
 * @param data one JSON value, as it travelled; null where there is an error
 * @param ts when it was sent, by the sender's clock, in seconds since 1970
 * @param received when it arrived, by this machine's clock
 * @param lost how many envelopes of this topic and sender went missing right before this one
 * @param error why there are no data, and no topic or origin where that is empty: Java's heap has no room for
 *     them; else null
 * @param raw the data in UTF-8, outside of the heap, where there is an error and room for them; else null
 */
public record Envelope(
        String topic,
        String origin,
        String data,
        double ts,
        double received,
        long lost,
        HermesException error,
        ByteBuffer raw) {
    /** One without an error. */
    public Envelope(String topic, String origin, String data, double ts, double received, long lost) {
        this(topic, origin, data, ts, received, lost, null, null);
    }

    /** The data as a codec reads it. Throws the {@link #error}, if there is one. */
    public <T> T data(Codec<T> codec) {
        if (codec == null) throw new HermesException(ErrorCode.EINVAL, "the codec is null");
        if (error != null) throw error;
        return codec.read(data);
    }

    /** The library has counted it as delivered, so what cannot be converted is told of this one alone. */
    static Envelope of(Pointer pointer, Pointer length) {
        double ts = Native.hermes_envelope_ts(pointer);
        double received = Native.hermes_envelope_received(pointer);
        long lost = Native.hermes_envelope_lost(pointer);
        String topic = "";
        String origin = "";
        try {
            topic = Native.text(Native.hermes_envelope_topic(pointer, length), length);
            origin = Native.text(Native.hermes_envelope_origin(pointer, length), length);
            String data = Native.text(Native.hermes_envelope_data(pointer, length), length);
            return new Envelope(topic, origin, data, ts, received, lost);
        } catch (OutOfMemoryError | ArithmeticException tooLarge) {
            Pointer data = Native.hermes_envelope_data(pointer, length);
            long size = length.getLong(0);
            HermesException error = new HermesException(
                    ErrorCode.ENOMEM, "an envelope with " + size + " bytes of data cannot be converted: " + tooLarge);
            return new Envelope(topic, origin, null, ts, received, lost, error, Native.copy(data, size));
        }
    }
}
