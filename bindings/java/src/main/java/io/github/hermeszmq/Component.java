package io.github.hermeszmq;

import com.sun.jna.Pointer;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntUnaryOperator;
import java.util.function.ToIntFunction;

/**
 * The base class of {@link Publisher}, {@link Receiver}, {@link PostOffice} and {@link Node}: options, life cycle,
 * counters and events.
 *
 * <p><b>Threads.</b> Any thread may call any method. Calls that wait can be interrupted, and return when another
 * thread stops or closes the component. Virtual threads do not hold their carriers while they wait.
 *
 * <p><b>Timeouts</b> are Durations; a negative one never expires.
 *
 * <p><b>Garbage collection.</b> A started component runs until it is stopped or closed, even if nothing refers to
 * it. One that was never started, or has stopped, is closed by the garbage collector.
 */
public abstract class Component implements AutoCloseable {
    // Lifetime: STARTED holds a strong reference from pin() until unpinIfStopped() finds the component stopped;
    // without one, the Cleaner closes the handle. check() and repeat() fence the calls before them, so that the
    // Cleaner does not run during a call. Locks: none. STARTED is a concurrent set, the other fields are final, and
    // the library synchronises its own state.

    /** A timeout that never expires. */
    public static final Duration FOREVER = Duration.ofMillis(-1);

    /** The longest duration that an option can have: 64 bits of nanoseconds. */
    private static final Duration LONGEST = Duration.ofNanos(Long.MAX_VALUE);

    /** How long a platform thread waits inside the library before it checks for an interrupt, in milliseconds. */
    private static final int SLICE_MS = 200;

    /** The longest interval at which a virtual thread polls, in milliseconds. */
    private static final long MAX_PAUSE_MS = 50;

    static final Cleaner CLEANER = Cleaner.create();

    /** Started components. The reference here keeps them from being collected until they stop. */
    private static final Set<Component> STARTED = ConcurrentHashMap.newKeySet();

    final long handle;

    /** {@link #close} was called. */
    volatile boolean closed;

    private final Cleaner.Cleanable cleanable;

    Component(ToIntFunction<Pointer> make) {
        Pointer out = Native.out();
        Native.check(make.applyAsInt(out));
        long made = out.getLong(0);
        handle = made;
        cleanable = CLEANER.register(this, () -> Native.hermes_close(made));
    }

    /** Throws unless the code is 0. Fences the call before it against the Cleaner. */
    final void check(int code) {
        Reference.reachabilityFence(this);
        Native.check(code);
    }

    /** Throws EBADHANDLE if it was closed. */
    final void checkOpen() {
        if (closed) throw new HermesException(ErrorCode.EBADHANDLE, "it was closed");
    }

    // ---- Options

    /** Sets an option; docs/configuration.md lists them. */
    public void set(String key, String value) {
        check(Native.hermes_set(handle, Native.cString(key, "the option"), Native.cString(value, "the value of " + key)));
    }

    /** Sets an option that is a number. */
    public void set(String key, long value) {
        set(key, Long.toString(value));
    }

    /** Sets an option that is on or off. */
    public void set(String key, boolean value) {
        set(key, value ? "on" : "off");
    }

    /** Sets an option that is a duration. */
    public void set(String key, Duration value) {
        if (value == null) throw new HermesException(ErrorCode.EINVAL, "the value of " + key + " is null");
        if (value.compareTo(LONGEST) > 0 || value.isNegative()) {
            throw new HermesException(ErrorCode.EINVAL, "the value of " + key + " is " + value + ", and no option takes that");
        }
        boolean whole = value.getNano() % 1_000_000 == 0;
        set(key, whole ? Long.toString(value.toMillis()) : value.toNanos() + "ns");
    }

    /** Reads an option, or a read-only key: "state", "address", "endpoint", … */
    public String get(String key) {
        byte[] name = Native.cString(key, "the option");
        for (int room = 256; ; room *= 4) {
            byte[] buffer = new byte[room];
            int code = Native.hermes_get(handle, name, buffer, room);
            if (code == ErrorCode.ERANGE.number()) continue;
            check(code);
            int length = 0;
            while (buffer[length] != 0) length++;
            return new String(buffer, 0, length, StandardCharsets.UTF_8);
        }
    }

    /** Its name. */
    public String name() {
        return get("name");
    }

    /** "new", "running", "stopping" or "stopped". */
    public String state() {
        return get("state");
    }

    /** Why it stopped: "stop" after stop or close, else an error text; empty while it runs. */
    public String stopReason() {
        return get("stop_reason");
    }

    /** All counters, taken at one instant, as one JSON object; docs/guide.md explains each. */
    public String stats() {
        Pointer out = Native.out();
        check(Native.hermes_stats(handle, out, Native.outLength(out)));
        return Native.takeText(out);
    }

    // ---- Life cycle

    /** Binds, or begins to connect. */
    public void start() {
        pin();
        try {
            check(Native.hermes_start(handle));
        } catch (HermesException error) {
            unpinIfStopped();
            throw error;
        }
        WarningLogger.watch(this);
    }

    /** Keeps it from being garbage collected; called before it starts. */
    void pin() {
        STARTED.add(this);
    }

    /** Makes it collectable again if it has stopped. */
    final void unpinIfStopped() {
        if (Native.hermes_wait(handle, 0) != ErrorCode.ETIMEOUT.number()) STARTED.remove(this);
    }

    /** Stops it, flushing for at most a second. */
    public void stop() {
        stop(Duration.ofSeconds(1));
    }

    /**
     * Stops it. A publisher first sends what it has queued, for at most the timeout; throws ETIMEOUT if envelopes
     * were dropped. It cannot be interrupted.
     */
    public void stop(Duration timeout) {
        int ms = milliseconds(timeout);
        try {
            VirtualThreads.callOffCarrier(() -> check(Native.hermes_stop(handle, ms)));
        } finally {
            unpinIfStopped();
        }
    }

    /**
     * Stops it if it runs, and frees it. Waiting calls throw ESTOPPED, and loops over it end. Idempotent.
     */
    @Override
    public void close() {
        closed = true;
        VirtualThreads.callOffCarrier(cleanable::clean);
        STARTED.remove(this);
    }

    /** Waits until it is not running; throws ETIMEOUT when the timeout expires. */
    public void awaitStopped(Duration timeout) throws InterruptedException {
        check(repeat(timeout, ms -> Native.hermes_wait(handle, ms)));
        unpinIfStopped();
    }

    /** Waits until it is ready: connected, and for a publisher, with a subscriber. Throws ETIMEOUT. */
    public void awaitReady(Duration timeout) throws InterruptedException {
        check(repeat(timeout, ms -> Native.hermes_wait_ready(handle, ms)));
    }

    /** Takes the oldest event, a JSON object; empty when the timeout expires. */
    public Optional<String> nextEvent(Duration timeout) throws InterruptedException {
        Pointer out = Native.out();
        int code = repeat(timeout, ms -> Native.hermes_next_event(handle, ms, out, Native.outLength(out)));
        if (code == ErrorCode.ETIMEOUT.number()) return Optional.empty();
        check(code);
        return Optional.of(Native.takeText(out));
    }

    // ---- Time

    static int milliseconds(Duration timeout) {
        if (timeout == null) throw new HermesException(ErrorCode.EINVAL, "the timeout is null");
        if (timeout.isNegative()) return -1;
        long ms = timeout.compareTo(Duration.ofDays(24)) > 0 ? Integer.MAX_VALUE : timeout.plusNanos(999_999).toMillis();
        return (int) Math.min(ms, Integer.MAX_VALUE);
    }

    /**
     * Repeats a waiting call until its code is not ETIMEOUT or the timeout expires. On a platform thread each call
     * waits for at most SLICE_MS, so that interrupts are noticed. A virtual thread polls with timeout 0 and sleeps in
     * between, at intervals of 1 ms, doubling up to MAX_PAUSE_MS.
     */
    final int repeat(Duration timeout, IntUnaryOperator call) throws InterruptedException {
        int all = milliseconds(timeout);
        long end = System.nanoTime() + all * 1_000_000L;
        boolean virtual = VirtualThreads.isCurrent();
        long pause = 1;
        for (int left = all; ; left = Math.max(0, (int) ((end - System.nanoTime() + 999_999) / 1_000_000L))) {
            if (Thread.interrupted()) throw new InterruptedException();
            boolean last = all >= 0 && left <= (virtual ? 0 : SLICE_MS);
            int code = call.applyAsInt(virtual ? 0 : last ? left : SLICE_MS);
            Reference.reachabilityFence(this);
            if (code != ErrorCode.ETIMEOUT.number() || last) return code;
            if (!virtual) continue;
            Thread.sleep(all < 0 ? pause : Math.min(pause, left));
            pause = Math.min(2 * pause, MAX_PAUSE_MS);
        }
    }
}
