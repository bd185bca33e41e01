package io.github.hermeszmq;

import com.sun.jna.Pointer;

/**
 * One received envelope.
 *
 * @param topic what it is about
 * @param origin who said it
 * @param data one JSON value, as it travelled
 * @param ts when it was sent, by the sender's clock, in seconds since 1970
 * @param received when it arrived, by this machine's clock
 * @param lost how many envelopes of this topic and sender went missing right before this one
 */
public record Envelope(String topic, String origin, String data, double ts, double received, long lost) {
    /** The data as a codec reads it. */
    public <T> T data(Codec<T> codec) {
        return codec.read(data);
    }

    static Envelope of(Pointer pointer, Pointer length) {
        String topic = Native.text(Native.hermes_envelope_topic(pointer, length), length);
        String origin = Native.text(Native.hermes_envelope_origin(pointer, length), length);
        String data = Native.text(Native.hermes_envelope_data(pointer, length), length);
        return new Envelope(
                topic,
                origin,
                data,
                Native.hermes_envelope_ts(pointer),
                Native.hermes_envelope_received(pointer),
                Native.hermes_envelope_lost(pointer));
    }
}
