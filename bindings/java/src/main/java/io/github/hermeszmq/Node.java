package io.github.hermeszmq;

import java.time.Duration;
import java.util.Optional;

/**
 * A name for a receiver, a publisher, or both. Starting and stopping the node starts and stops them; the caller
 * closes them. Extend it with a {@link #run} of your own.
 */
public class Node extends Component implements Runnable {
    private final Receiver receiver;
    private final Publisher publisher;

    /** Makes a node; receiver or publisher may be null. */
    public Node(String name, Receiver receiver, Publisher publisher) {
        super(out -> {
            Native.load();
            return Native.hermes_node_new(
                    Native.cString(name, "the name"),
                    receiver == null ? 0 : receiver.handle,
                    publisher == null ? 0 : publisher.handle,
                    out);
        });
        this.receiver = receiver;
        this.publisher = publisher;
    }

    /** Its receiver, or null. */
    public Receiver receiver() {
        return receiver;
    }

    /** Its publisher, or null. */
    public Publisher publisher() {
        return publisher;
    }

    /** Publishes a JSON value under "channel/name", with the node's name as the origin. */
    public void publish(String channel, String json) {
        byte[] where = Native.utf8(channel, "the channel");
        byte[] data = Native.utf8(json, "the data");
        VirtualThreads.callOffCarrier(() -> check(Native.hermes_node_publish(handle, where, where.length, data, data.length)));
    }

    /** As {@link Receiver#receive(Duration)}. */
    public Optional<Envelope> receive(Duration timeout) throws InterruptedException {
        if (receiver == null) {
            check(Native.hermes_node_recv(handle, 0, Native.out())); // ENOTSUP
            return Optional.empty();
        }
        return receiver.receive(this, timeout);
    }

    /** The node's loop, until it stops. The default publishes all received data on channel RAW. */
    @Override
    public void run() {
        for (Envelope e = fetchedAhead(); e != null; e = fetchedAhead()) relay(e);
        VirtualThreads.callOffCarrier(() -> check(Native.hermes_node_run(handle)));
    }

    /** As the library does; what the publisher has no room for it has counted. */
    private void relay(Envelope envelope) {
        try {
            if (envelope.error() == null) publish("RAW", envelope.data());
        } catch (HermesException error) {
            if (error.code() != ErrorCode.EFULL) throw error;
        }
    }

    /** The library does not know any more what its receiver has fetched ahead. */
    private Envelope fetchedAhead() {
        return receiver == null || publisher == null || closed ? null : receiver.fetchedAhead();
    }

    @Override
    void pin() {
        super.pin();
        if (receiver != null) receiver.pin();
        if (publisher != null) publisher.pin();
    }

    @Override
    public void stop(Duration timeout) {
        try {
            super.stop(timeout);
        } finally {
            if (receiver != null) receiver.unpinIfStopped();
            if (publisher != null) publisher.unpinIfStopped();
        }
    }

    @Override
    public void close() {
        super.close();
        if (receiver != null) {
            receiver.unpinIfStopped();
            receiver.wakeAll();
        }
        if (publisher != null) publisher.unpinIfStopped();
    }
}
