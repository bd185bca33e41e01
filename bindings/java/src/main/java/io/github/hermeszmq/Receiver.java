package io.github.hermeszmq;

import com.sun.jna.Pointer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.IntUnaryOperator;

/**
 * Receives what the post office at an address sends.
 *
 * <p>An iteration takes envelopes until the receiver stops, or the thread is interrupted (which then is
 * still to be seen).
 */
public class Receiver extends Part implements Iterable<Envelope> {
    /** Makes one that follows the topics that begin with these; without any, every topic. */
    public Receiver(String address, String name, String... topics) {
        super(out -> {
            Native.load();
            return Native.hermes_receiver_new(Native.cString(address, "the address"), Native.cString(name, "the name"), out);
        });
        for (String topic : topics) subscribe(topic);
    }

    /** Follows the topics that begin with this. */
    public final void subscribe(String topic) {
        byte[] bytes = Native.utf8(topic, "the topic");
        check(Native.hermes_receiver_subscribe(handle, bytes, bytes.length));
    }

    /** Undoes one {@link #subscribe}. */
    public final void unsubscribe(String topic) {
        byte[] bytes = Native.utf8(topic, "the topic");
        check(Native.hermes_receiver_unsubscribe(handle, bytes, bytes.length));
    }

    /** Accepts this origin; the first call turns away all others. */
    public final void accept(String origin) {
        byte[] bytes = Native.utf8(origin, "the origin");
        check(Native.hermes_receiver_accept(handle, bytes, bytes.length));
    }

    /** The oldest envelope, waited for without end. ESTOPPED where none can come. */
    public Envelope receive() throws InterruptedException {
        return receive(FOREVER).orElseThrow();
    }

    /** The oldest envelope; empty when none came in time. ESTOPPED where none can come. */
    public Optional<Envelope> receive(Duration timeout) throws InterruptedException {
        Pointer out = Native.out();
        return take(this, timeout, out, ms -> Native.hermes_recv(handle, ms, out));
    }

    static Optional<Envelope> take(Part part, Duration timeout, Pointer out, IntUnaryOperator call)
            throws InterruptedException {
        int code = part.waiting(timeout, call);
        if (code == ErrorCode.ETIMEOUT.number()) return Optional.empty();
        part.check(code);
        Pointer envelope = out.getPointer(0);
        try {
            return Optional.of(Envelope.of(envelope, out));
        } finally {
            Native.hermes_envelope_free(envelope);
        }
    }

    /** Up to so many envelopes, of which only the first is waited for; none when none came in time. */
    public List<Envelope> receiveMany(int max, Duration timeout) throws InterruptedException {
        if (max < 1) throw new HermesException(ErrorCode.EINVAL, "max is " + max + ", and must be at least 1");
        Pointer out = Native.out();
        int code = waiting(timeout, ms -> Native.hermes_recv_batch(handle, max, ms, out));
        if (code == ErrorCode.ETIMEOUT.number()) return List.of();
        check(code);
        Pointer batch = out.getPointer(0);
        try {
            int size = Math.toIntExact(Native.hermes_batch_size(batch));
            List<Envelope> envelopes = new ArrayList<>(size);
            for (int i = 0; i < size; i++) envelopes.add(Envelope.of(Native.hermes_batch_at(batch, i), out));
            return envelopes;
        } finally {
            Native.hermes_batch_free(batch);
        }
    }

    @Override
    public Iterator<Envelope> iterator() {
        return new Iterator<>() {
            private Envelope next;

            @Override
            public boolean hasNext() {
                if (next == null) next = receiveOrNull();
                return next != null;
            }

            @Override
            public Envelope next() {
                if (!hasNext()) throw new NoSuchElementException();
                Envelope envelope = next;
                next = null;
                return envelope;
            }
        };
    }

    private Envelope receiveOrNull() {
        try {
            return receive();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return null;
        } catch (HermesException error) {
            if (error.code() == ErrorCode.ESTOPPED) return null;
            throw error;
        }
    }
}
