package io.github.hermeszmq;

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
    private final ReceiveQueue queue = new ReceiveQueue(handle, waiters);

    /** Subscribes to the topics with these prefixes; without any, to every topic. */
    public Receiver(String address, String name, String... topics) {
        super(out -> {
            Native.load();
            return Native.hermes_receiver_new(Native.cString(address, "the address"), Native.cString(name, "the name"), out);
        });
        ReceiveQueue fetched = queue; // the cleaner must not refer to this
        CLEANER.register(this, fetched::close);
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
        return receive(this, timeout);
    }

    /** The same for the component, which is this or its node. */
    final Optional<Envelope> receive(Component component, Duration timeout) throws InterruptedException {
        begin(component);
        Envelope envelope = queue.poll();
        if (envelope != null) return Optional.of(envelope);
        List<Envelope> one = new ArrayList<>(1);
        return take(component, timeout, 1, one) ? Optional.of(one.get(0)) : Optional.empty();
    }

    /** Up to {@code max} envelopes; waits for the first one only. Empty when the timeout expires. */
    public List<Envelope> receiveMany(int max, Duration timeout) throws InterruptedException {
        if (max < 1) throw new HermesException(ErrorCode.EINVAL, "max is " + max + ", and must be at least 1");
        begin(this);
        List<Envelope> envelopes = new ArrayList<>(Math.min(max, 256));
        return take(this, timeout, max, envelopes) ? envelopes : List.of();
    }

    /** What every receiving call does first: throws if it is interrupted, and lets other virtual threads run. */
    private static void begin(Component component) throws InterruptedException {
        if (Thread.interrupted()) throw new InterruptedException();
        component.checkOpen();
        VirtualThreads.yieldSometimes();
    }

    /** Takes up to {@code max} envelopes; false when the timeout expires. */
    private boolean take(Component component, Duration timeout, int max, List<Envelope> into) throws InterruptedException {
        int code = waitFor(component, timeout, ms -> queue.take(ms, max, into));
        if (code == ErrorCode.ETIMEOUT.number()) return false;
        check(code);
        return true;
    }

    /**
     * Repeats a receiving call until its code is not ETIMEOUT or the timeout expires. A platform thread first waits
     * inside the library for INSIDE_MS, which has the lowest latency in dense traffic. After that, and on a
     * virtual thread from the beginning, the thread is parked until the library wakes it; interrupts end that at once.
     */
    private int waitFor(Component component, Duration timeout, IntUnaryOperator call) throws InterruptedException {
        int all = milliseconds(timeout);
        long end = System.nanoTime() + all * 1_000_000L;
        int inside = VirtualThreads.isCurrent() ? 0 : all < 0 ? INSIDE_MS : Math.min(all, INSIDE_MS);
        int code = call.applyAsInt(inside);
        Reference.reachabilityFence(component);
        if (code == ErrorCode.ETIMEOUT.number() && all != inside) {
            try {
                code = park(component, call, all < 0 ? Long.MAX_VALUE : end);
            } finally {
                waiters.wakeNext(); // in any case: there may be more envelopes
            }
            Reference.reachabilityFence(component);
            if (code == ErrorCode.EBADHANDLE.number() || (code == ErrorCode.ETIMEOUT.number() && component.closed)) {
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
            if (code != ErrorCode.ETIMEOUT.number() || left <= 0 || component.closed) return code;
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

    @Override
    public String stats() {
        return queue.correct(super::stats);
    }

    @Override
    public void close() {
        closed = true; // before what was fetched ahead is gone, so that no thread fetches more
        queue.close();
        super.close();
    }

    /** What was fetched ahead, or null. */
    final Envelope fetchedAhead() {
        return queue.poll();
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
