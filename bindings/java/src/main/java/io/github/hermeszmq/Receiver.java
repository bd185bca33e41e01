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
 * Receives envelopes from the post office at an address.
 *
 * <p>An iteration yields envelopes until the receiver stops or is closed, or the thread is interrupted (its interrupt
 * status stays set).
 */
public class Receiver extends Component implements Iterable<Envelope> {
    /** How long a platform thread first waits inside the library, where interrupts go unnoticed, in milliseconds. */
    private static final int INSIDE_MS = 20;

    /** The longest time that a thread is parked before it tries again by itself, in case its wake-up fails. */
    private static final long RECHECK_NS = Duration.ofSeconds(2).toNanos();

    private final Waiters waiters = new Waiters();

    /** Subscribes to the topics with these prefixes; without any, to every topic. */
    public Receiver(String address, String name, String... topics) {
        super(out -> {
            Native.load();
            return Native.hermes_receiver_new(Native.cString(address, "the address"), Native.cString(name, "the name"), out);
        });
        if (topics == null) throw new HermesException(ErrorCode.EINVAL, "the topics are null");
        for (String topic : topics) subscribe(topic);
    }

    /** Subscribes to the topics that begin with this prefix. */
    public final void subscribe(String topic) {
        byte[] bytes = Native.utf8(topic, "the topic");
        check(Native.hermes_receiver_subscribe(handle, bytes, bytes.length));
    }

    /** Undoes one {@link #subscribe}. */
    public final void unsubscribe(String topic) {
        byte[] bytes = Native.utf8(topic, "the topic");
        check(Native.hermes_receiver_unsubscribe(handle, bytes, bytes.length));
    }

    /** Accepts envelopes of this origin. After the first call, other origins are rejected. */
    public final void accept(String origin) {
        byte[] bytes = Native.utf8(origin, "the origin");
        check(Native.hermes_receiver_accept(handle, bytes, bytes.length));
    }

    /** The oldest envelope; waits without limit. Throws ESTOPPED once it has stopped and its queue is empty. */
    public Envelope receive() throws InterruptedException {
        return receive(FOREVER).orElseThrow();
    }

    /** The oldest envelope; empty when the timeout expires. Throws ESTOPPED like {@link #receive()}. */
    public Optional<Envelope> receive(Duration timeout) throws InterruptedException {
        Pointer out = Native.out();
        return take(this, timeout, out, ms -> Native.hermes_recv(handle, ms, out));
    }

    /** Receives with {@code call}, which is hermes_recv, or hermes_node_recv for the node {@code component}. */
    final Optional<Envelope> take(Component component, Duration timeout, Pointer out, IntUnaryOperator call)
            throws InterruptedException {
        int code = waitFor(component, timeout, call);
        if (code == ErrorCode.ETIMEOUT.number()) return Optional.empty();
        component.check(code);
        Pointer envelope = out.getPointer(0);
        try {
            return Optional.of(Envelope.of(envelope, out));
        } finally {
            Native.hermes_envelope_free(envelope);
        }
    }

    /** Up to {@code max} envelopes; waits for the first one only. Empty when the timeout expires. */
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
     * Repeats a receiving call until its code is not ETIMEOUT or the timeout expires. A platform thread first waits
     * inside the library for INSIDE_MS, which has the lowest latency in dense traffic. After that, and on a
     * virtual thread from the beginning, the thread is parked until the library wakes it; interrupts end that at once.
     */
    private int waitFor(Component component, Duration timeout, IntUnaryOperator call) throws InterruptedException {
        int all = milliseconds(timeout);
        if (Thread.interrupted()) throw new InterruptedException();
        long end = System.nanoTime() + all * 1_000_000L;
        int inside = VirtualThreads.isCurrent() ? 0 : all < 0 ? INSIDE_MS : Math.min(all, INSIDE_MS);
        VirtualThreads.yieldSometimes();
        int code = call.applyAsInt(inside);
        Reference.reachabilityFence(component);
        if (code == ErrorCode.ETIMEOUT.number() && all != inside) {
            try {
                code = park(component, call, all < 0 ? Long.MAX_VALUE : end);
            } finally {
                waiters.wakeNext(); // in any case: there may be more envelopes
            }
            Reference.reachabilityFence(component);
            if (code == ErrorCode.EBADHANDLE.number()) {
                throw new HermesException(ErrorCode.ESTOPPED, "the receiver was closed while this call waited");
            }
        }
        if (code == ErrorCode.ESTOPPED.number()) {
            HermesException stopped = Native.failure(code);
            unpinIfStopped();
            throw stopped;
        }
        return code;
    }

    private int park(Component component, IntUnaryOperator call, long end) throws InterruptedException {
        for (long left = Long.MAX_VALUE; ; ) {
            boolean watched = waiters.watch(handle);
            long seen = waiters.count();
            int code = call.applyAsInt(0);
            if (code != ErrorCode.ETIMEOUT.number() || left <= 0) return code;
            if (end != Long.MAX_VALUE) left = Math.max(0, end - System.nanoTime());
            if (watched) {
                waiters.await(seen, Math.min(left, RECHECK_NS));
            } else { // cannot be woken here: wait inside the library
                code = component.repeat(Duration.ofNanos(Math.min(left, RECHECK_NS / 10)), call);
                if (code != ErrorCode.ETIMEOUT.number()) return code;
            }
            if (end != Long.MAX_VALUE) left = end - System.nanoTime();
        }
    }

    /** Wakes all waiting threads, after a node that may receive for them was closed. */
    final void wakeAll() {
        waiters.wakeAll();
    }

    /** Throws EBADHANDLE if the receiver is already closed; an iteration in progress ends when it is closed. */
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
