package io.github.hermeszmq;

import com.sun.jna.Pointer;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import java.util.function.ToIntFunction;

/**
 * What publishers, receivers, post offices and nodes have in common.
 *
 * <p>Any method may be called from any thread. What waits can be interrupted, and ends when
 * another thread stops or closes the object. A timeout is a Duration; a negative one is for ever.
 */
public abstract class Part implements AutoCloseable {
    /** For ever. */
    public static final Duration FOREVER = Duration.ofMillis(-1);

    /** How long a thread is out of reach of an interrupt, in milliseconds. */
    private static final int SLICE = 200;

    private static final Cleaner CLEANER = Cleaner.create();

    final long handle;
    private final Cleaner.Cleanable remains;

    Part(ToIntFunction<Pointer> make) {
        Pointer out = Native.out();
        Native.check(make.applyAsInt(out));
        long made = out.getLong(0);
        handle = made;
        remains = CLEANER.register(this, () -> Native.hermes_close(made));
    }

    /** Throws unless the code is 0; keeps the object from being cleaned up before. */
    final void check(int code) {
        Reference.reachabilityFence(this);
        Native.check(code);
    }

    // ---- Options and facts

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
        set(key, Long.toString(value.toMillis()));
    }

    /** Reads an option or a fact: "state", "address", "endpoint", … */
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

    /** Why it stopped: "stop" where it was told to, else a text; empty while it runs. */
    public String stopReason() {
        return get("stop_reason");
    }

    /** All counters, taken at one instant, as one JSON object; docs/guide.md explains each. */
    public String stats() {
        Pointer out = Native.out();
        check(Native.hermes_stats(handle, out, Native.outLength(out)));
        return Native.takeText(out);
    }

    // ---- Life

    /** Starts it: binds, or begins to connect. */
    public void start() {
        check(Native.hermes_start(handle));
        Warnings.watch(this);
    }

    /** Stops it, flushing for at most a second. */
    public void stop() {
        stop(Duration.ofSeconds(1));
    }

    /**
     * Stops it. A publisher first sends what it has queued; where the time does not suffice, this throws
     * ETIMEOUT with their number. It cannot be interrupted.
     */
    public void stop(Duration timeout) {
        check(Native.hermes_stop(handle, milliseconds(timeout)));
    }

    /** Stops it if need be, and frees it. Whoever waits for it gets ESTOPPED. Closing twice is harmless. */
    @Override
    public void close() {
        remains.clean();
    }

    /** Waits until it is not running; ETIMEOUT when the time is up. */
    public void awaitStopped(Duration timeout) throws InterruptedException {
        check(waiting(timeout, ms -> Native.hermes_wait(handle, ms)));
    }

    /** Waits until it can do its work: connected, and a publisher also heard by somebody. */
    public void awaitReady(Duration timeout) throws InterruptedException {
        check(waiting(timeout, ms -> Native.hermes_wait_ready(handle, ms)));
    }

    /** Takes the oldest notice, a JSON object; empty when there is none in time. */
    public Optional<String> nextEvent(Duration timeout) throws InterruptedException {
        Pointer out = Native.out();
        int code = waiting(timeout, ms -> Native.hermes_next_event(handle, ms, out, Native.outLength(out)));
        if (code == ErrorCode.ETIMEOUT.number()) return Optional.empty();
        check(code);
        return Optional.of(Native.takeText(out));
    }

    // ---- Time

    static int milliseconds(Duration timeout) {
        if (timeout.isNegative()) return -1;
        long ms = timeout.compareTo(Duration.ofDays(24)) > 0 ? Integer.MAX_VALUE : timeout.plusNanos(999_999).toMillis();
        return (int) Math.min(ms, Integer.MAX_VALUE);
    }

    /** Repeats a call that waits, in slices, until it is not ETIMEOUT or the time is up. */
    final int waiting(Duration timeout, IntUnaryOperator call) throws InterruptedException {
        int all = milliseconds(timeout);
        long end = System.nanoTime() + all * 1_000_000L;
        for (int left = all; ; left = Math.max(0, (int) ((end - System.nanoTime() + 999_999) / 1_000_000L))) {
            if (Thread.interrupted()) throw new InterruptedException();
            boolean last = all >= 0 && left <= SLICE;
            int code = call.applyAsInt(last ? left : SLICE);
            Reference.reachabilityFence(this);
            if (code != ErrorCode.ETIMEOUT.number() || last) return code;
        }
    }
}
