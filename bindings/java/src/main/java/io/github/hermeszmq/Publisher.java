package io.github.hermeszmq;

import com.sun.jna.Pointer;

/** Publishes through the post office at an address. */
public class Publisher extends Part {
    private static final byte[] NOTHING = new byte[1];

    /** Makes one; nothing happens on the network before {@link #start}. */
    public Publisher(String address, String name) {
        super(out -> {
            Native.load();
            return Native.hermes_publisher_new(Native.cString(address, "the address"), Native.cString(name, "the name"), out);
        });
    }

    /** Queues one envelope. The data is one JSON value. Throws EFULL when the queue stays full. */
    public void publish(String topic, String json) {
        publish(topic, json, (String) null);
    }

    /** As above, in the name of somebody else. */
    public void publish(String topic, String json, String origin) {
        check(offer(topic, json, origin));
    }

    /** As above, with data of which the codec makes JSON. */
    public <T> void publish(String topic, T value, Codec<T> codec) {
        publish(topic, codec.write(value));
    }

    /** As {@link #publish(String, String)}, but false when the queue stays full. */
    public boolean tryPublish(String topic, String json) {
        int code = offer(topic, json, null);
        if (code == ErrorCode.EFULL.number()) return false;
        check(code);
        return true;
    }

    private int offer(String topic, String json, String origin) {
        byte[] subject = Native.utf8(topic, "the topic");
        byte[] data = Native.utf8(json, "the data");
        byte[] who = origin == null ? null : Native.utf8(origin, "the origin");
        int length = who == null ? 0 : who.length;
        // An empty origin is one, and not none.
        byte[] whoAt = who != null && length == 0 ? NOTHING : who;
        return Native.hermes_publish(handle, subject, subject.length, whoAt, length, data, data.length);
    }

    /** An envelope to be published; without an origin (null) it is the publisher's. */
    public record Item(String topic, String json, String origin) {
        /** One in the publisher's own name. */
        public Item(String topic, String json) {
            this(topic, json, null);
        }
    }

    /**
     * Queues many envelopes in one call, in order. If anything is wrong with one of them, none is queued; EFULL may
     * come in the midst of them ({@link #stats} tells).
     */
    public int publishMany(Iterable<Item> items) {
        StringBuilder list = new StringBuilder("[");
        for (Item item : items) {
            if (list.length() > 1) list.append(',');
            list.append('[');
            Json.quote(list, item.topic());
            list.append(',');
            if (item.origin() == null) list.append("null");
            else Json.quote(list, item.origin());
            list.append(',').append(Json.one(item.json())).append(']');
        }
        byte[] bytes = Native.utf8(list.append(']').toString(), "an envelope");
        Pointer out = Native.out();
        check(Native.hermes_publish_batch(handle, bytes, bytes.length, out));
        return Math.toIntExact(out.getLong(0));
    }
}
