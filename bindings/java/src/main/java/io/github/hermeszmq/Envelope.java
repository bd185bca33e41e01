package io.github.hermeszmq;

import java.nio.ByteBuffer;

/**
 * One received envelope.
 *
 * @param topic its topic
 * @param origin the name of the publisher or node that sent it
 * @param data one JSON value, as its text on the wire; null if there is an error
 * @param ts when it was sent, by the sender's clock, in seconds since 1970
 * @param received when it arrived, by this machine's clock
 * @param lost how many envelopes of this topic and sender were lost right before this one
 * @param traceparent the trace context that it was published with, in the form of W3C; null if there is none
 * @param error why data is null, and topic or origin empty: Java's heap had no room for them; null without an error
 * @param raw the data in UTF-8, in memory outside the heap, if there is an error and such memory; else null
 */
public record Envelope(
        String topic,
        String origin,
        String data,
        double ts,
        double received,
        long lost,
        String traceparent,
        HermesException error,
        ByteBuffer raw) {
    /** One without an error and without a trace context. */
    public Envelope(String topic, String origin, String data, double ts, double received, long lost) {
        this(topic, origin, data, ts, received, lost, null, null, null);
    }

    /** One with an error. */
    public Envelope(
            String topic,
            String origin,
            String data,
            double ts,
            double received,
            long lost,
            HermesException error,
            ByteBuffer raw) {
        this(topic, origin, data, ts, received, lost, null, error, raw);
    }

    /** The data, decoded. Throws the {@link #error}, if there is one. */
    public <T> T data(Codec<T> codec) {
        if (codec == null) throw new HermesException(ErrorCode.EINVAL, "the codec is null");
        if (error != null) throw error;
        return codec.read(data);
    }
}
