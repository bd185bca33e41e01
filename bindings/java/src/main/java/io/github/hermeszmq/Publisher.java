package io.github.hermeszmq;

/** Publishes through the post office at an address. */
public class Publisher extends Component {
    private final Scratch.Spare spare = new Scratch.Spare();

    /** Makes a publisher; it connects at {@link #start}. */
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

    /** As above, with an origin, which may be empty; null stands for the publisher's name. */
    public void publish(String topic, String json, String origin) {
        byte[] subject = Native.utf8(topic, "the topic");
        byte[] data = Native.utf8(json, "the data");
        byte[] source = origin == null ? null : Native.utf8(origin, "the origin");
        if (VirtualThreads.isCurrent()) {
            VirtualThreads.yieldSometimes();
            if (offered(topic, json, origin)) return;
        }
        VirtualThreads.callOffCarrier(() -> publish(subject, data, source));
    }

    /**
     * As {@link #publish(String, String)}, with a trace context in the form of W3C, which receivers find in
     * {@link Envelope#traceparent} if it is sampled.
     */
    public void publishTraced(String topic, String json, String traceparent) {
        byte[] subject = Native.utf8(topic, "the topic");
        byte[] data = Native.utf8(json, "the data");
        byte[] context = Native.cString(traceparent, "the traceparent");
        VirtualThreads.callOffCarrier(() -> check(
                Native.hermes_publish_traced(handle, subject, subject.length, null, 0, data, data.length, context)));
    }

    private void publish(byte[] topic, byte[] data, byte[] origin) {
        int originLength = origin == null ? 0 : origin.length;
        int dataAt = topic.length + originLength;
        Scratch scratch = spare.take(dataAt + data.length);
        try {
            long at = scratch.address;
            scratch.bytes.put(0, topic).put(dataAt, data);
            if (originLength > 0) scratch.bytes.put(topic.length, origin);
            long originAt = origin == null ? 0 : at + topic.length; // for C, null is the publisher's name
            check(Calls.publish(handle, at, topic.length, originAt, originLength, at + dataAt, data.length));
        } finally {
            spare.give(scratch);
        }
    }

    /** Publishes without waiting; false if the queue is full. */
    private boolean offered(String topic, String json, String origin) {
        StringBuilder item = new StringBuilder();
        append(item, new Item(topic, json, origin));
        int code = Native.hermes_publish_try(handle, Native.cString(item.toString(), "an envelope"));
        if (code == ErrorCode.ETIMEOUT.number()) return false;
        check(code);
        return true;
    }

    /** As above, with data that the codec encodes. */
    public <T> void publish(String topic, T value, Codec<T> codec) {
        if (codec == null) throw new HermesException(ErrorCode.EINVAL, "the codec is null");
        publish(topic, codec.write(value));
    }

    /** As {@link #publish(String, String)}, but false when the queue stays full. */
    public boolean tryPublish(String topic, String json) {
        try {
            publish(topic, json);
            return true;
        } catch (HermesException error) {
            if (error.code() == ErrorCode.EFULL) return false;
            throw error;
        }
    }

    /** An envelope to be published; a null origin stands for the publisher's name. */
    public record Item(String topic, String json, String origin) {
        /** An envelope with the publisher's name as the origin. */
        public Item(String topic, String json) {
            this(topic, json, null);
        }
    }

    /**
     * Queues many envelopes in one call, in order; returns their number. If one is invalid, none is queued. EFULL may
     * be thrown after some were queued; {@link #stats} counts them.
     */
    public int publishMany(Iterable<Item> items) {
        if (items == null) throw new HermesException(ErrorCode.EINVAL, "the envelopes are null");
        StringBuilder list = new StringBuilder("[");
        for (Item item : items) {
            if (list.length() > 1) list.append(',');
            append(list, item);
        }
        byte[] bytes = Native.utf8(list.append(']').toString(), "an envelope");
        long[] count = new long[1];
        VirtualThreads.callOffCarrier(() -> {
            Scratch scratch = spare.take(Long.BYTES + bytes.length);
            try {
                scratch.bytes.put(Long.BYTES, bytes);
                check(Calls.publishBatch(handle, scratch.address + Long.BYTES, bytes.length, scratch.address));
                count[0] = scratch.bytes.getLong(0);
            } finally {
                spare.give(scratch);
            }
        });
        return Math.toIntExact(count[0]);
    }

    private static void append(StringBuilder list, Item item) {
        if (item == null) throw new HermesException(ErrorCode.EINVAL, "an envelope is null");
        list.append('[');
        Json.quote(list, item.topic());
        list.append(',');
        if (item.origin() == null) list.append("null");
        else Json.quote(list, item.origin());
        list.append(',').append(Json.one(item.json())).append(']');
    }
}
