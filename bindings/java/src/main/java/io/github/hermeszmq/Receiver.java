package io.github.hermeszmq;

import com.sun.jna.Pointer;
import java.lang.ref.Reference;
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
 * <p>An iteration takes envelopes until the receiver stops or is closed, or the thread is interrupted (which then is
 * still to be seen).
 */
public class Receiver extends Part implements Iterable<Envelope> {
    /** How long a platform thread waits inside the library, out of reach of an interrupt, in milliseconds. */
    private static final int MOMENT = 20;

    /** How long a parked thread goes without a look of its own, whatever has become of what wakes it. */
    private static final long LOOK_NS = Duration.ofSeconds(2).toNanos();

    private final Signal signal = new Signal();

    /** Makes one that follows the topics that begin with these; without any, every topic. */
    public Receiver(String address, String name, String... topics) {
        super(out -> {
            Native.load();
            return Native.hermes_receiver_new(Native.cString(address, "the address"), Native.cString(name, "the name"), out);
        });
        if (topics == null) throw new HermesException(ErrorCode.EINVAL, "the topics are null");
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

    /** Takes an envelope of this receiver with a call of the receiver's, or of a node's. */
    final Optional<Envelope> take(Part part, Duration timeout, Pointer out, IntUnaryOperator call)
            throws InterruptedException {
        int code = waitFor(part, timeout, call);
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
        int code = waitFor(this, timeout, ms -> Native.hermes_recv_batch(handle, max, ms, out));
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

    /**
     * Repeats a call until it is not ETIMEOUT or the time is up. A platform thread first waits a moment inside the
     * library, which is the quickest where traffic is dense; after that, and on a virtual thread from the beginning,
     * it is parked until the library has something. That costs next to nothing, and an interrupt ends it at once.
     */
    private int waitFor(Part part, Duration timeout, IntUnaryOperator call) throws InterruptedException {
        int all = milliseconds(timeout);
        if (Thread.interrupted()) throw new InterruptedException();
        long end = System.nanoTime() + all * 1_000_000L;
        int moment = Blocking.isVirtual() ? 0 : all < 0 ? MOMENT : Math.min(all, MOMENT);
        Blocking.turn();
        int code = call.applyAsInt(moment);
        Reference.reachabilityFence(part);
        if (code == ErrorCode.ETIMEOUT.number() && all != moment) {
            try {
                code = park(part, call, all < 0 ? Long.MAX_VALUE : end);
            } finally {
                signal.pass(); // whether it has taken something, or was woken in vain
            }
            Reference.reachabilityFence(part);
            if (code == ErrorCode.EBADHANDLE.number()) {
                throw new HermesException(ErrorCode.ESTOPPED, "the receiver was closed while this call waited");
            }
        }
        if (code == ErrorCode.ESTOPPED.number()) {
            HermesException stopped = Native.failure(code);
            settle();
            throw stopped;
        }
        return code;
    }

    private int park(Part part, IntUnaryOperator call, long end) throws InterruptedException {
        for (long left = Long.MAX_VALUE; ; ) {
            boolean wakes = signal.listen(handle);
            long seen = signal.count();
            int code = call.applyAsInt(0);
            if (code != ErrorCode.ETIMEOUT.number() || left <= 0) return code;
            if (end != Long.MAX_VALUE) left = Math.max(0, end - System.nanoTime());
            if (wakes) {
                signal.await(seen, Math.min(left, LOOK_NS));
            } else { // inside the library, as long as nothing is there to wake it here
                code = part.waiting(Duration.ofNanos(Math.min(left, LOOK_NS / 10)), call);
                if (code != ErrorCode.ETIMEOUT.number()) return code;
            }
            if (end != Long.MAX_VALUE) left = end - System.nanoTime();
        }
    }

    /** Lets every thread look that waits: a node has been closed by which one does. */
    final void wakeAll() {
        signal.wakeAll();
    }

    /** An iteration that is begun on a closed receiver throws EBADHANDLE; one that is under way then ends. */
    @Override
    public Iterator<Envelope> iterator() {
        int state = Native.hermes_wait(handle, 0);
        if (state == ErrorCode.EBADHANDLE.number()) throw Native.failure(state);
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
            if (error.code() == ErrorCode.ESTOPPED || error.code() == ErrorCode.EBADHANDLE) return null;
            throw error;
        }
    }
}
