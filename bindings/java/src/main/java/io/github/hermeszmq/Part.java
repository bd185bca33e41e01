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
 * What publishers, receivers, post offices and nodes have in common.
 *
 * <p>Any method may be called from any thread. What waits can be interrupted, and ends when
 * another thread stops or closes the object. Virtual threads may call it as well: they do not hold their carriers
 * while they wait. A timeout is a Duration; a negative one is for ever.
 *
 * <p>What has been started works until it is stopped or closed, although nothing refers to it any more; what
 * was never started, or has stopped, is closed once it is garbage.
 */
public abstract class Part implements AutoCloseable {
    /** For ever. */
    public static final Duration FOREVER = Duration.ofMillis(-1);

    /** As long as 64 bits of nanoseconds. */
    private static final Duration LONGEST = Duration.ofNanos(Long.MAX_VALUE);

    /** How long a thread is out of reach of an interrupt, in milliseconds. */
    private static final int SLICE = 200;

    /** How long a virtual thread sleeps at most before it asks again, in milliseconds. */
    private static final long MOST_PAUSE = 50;

    private static final Cleaner CLEANER = Cleaner.create();

    /** Parts that have been started: they are no garbage until they have stopped. */
    private static final Set<Part> STARTED = ConcurrentHashMap.newKeySet();

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
        if (value == null) throw new HermesException(ErrorCode.EINVAL, "the value of " + key + " is null");
        if (value.compareTo(LONGEST) > 0 || value.isNegative()) {
            throw new HermesException(ErrorCode.EINVAL, "the value of " + key + " is " + value + ", and no option takes that");
        }
        boolean whole = value.getNano() % 1_000_000 == 0;
        set(key, whole ? Long.toString(value.toMillis()) : value.toNanos() + "ns");
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
        begun();
        try {
            check(Native.hermes_start(handle));
        } catch (HermesException error) {
            settle();
            throw error;
        }
        Warnings.watch(this);
    }

    /** It is about to run. */
    void begun() {
        STARTED.add(this);
    }

    /** It may have stopped: then only what refers to it keeps it. */
    final void settle() {
        if (Native.hermes_wait(handle, 0) != ErrorCode.ETIMEOUT.number()) STARTED.remove(this);
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
        int ms = milliseconds(timeout);
        try {
            Blocking.call(() -> check(Native.hermes_stop(handle, ms)));
        } finally {
            settle();
        }
    }

    /**
     * Stops it if need be, and frees it. What waits for it gets ESTOPPED, and loops over it end. Closing twice is
     * harmless.
     */
    @Override
    public void close() {
        Blocking.call(remains::clean);
        STARTED.remove(this);
    }

    /** Waits until it is not running; ETIMEOUT when the time is up. */
    public void awaitStopped(Duration timeout) throws InterruptedException {
        check(waiting(timeout, ms -> Native.hermes_wait(handle, ms)));
        settle();
    }

    /** Waits until it can do its work: connected, and a publisher also heard by a subscriber. */
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
        if (timeout == null) throw new HermesException(ErrorCode.EINVAL, "the timeout is null");
        if (timeout.isNegative()) return -1;
        long ms = timeout.compareTo(Duration.ofDays(24)) > 0 ? Integer.MAX_VALUE : timeout.plusNanos(999_999).toMillis();
        return (int) Math.min(ms, Integer.MAX_VALUE);
    }

    /**
     * Repeats a call that waits, in slices, until it is not ETIMEOUT or the time is up. A virtual thread sleeps
     * between calls that do not wait, at growing intervals.
     */
    final int waiting(Duration timeout, IntUnaryOperator call) throws InterruptedException {
        int all = milliseconds(timeout);
        long end = System.nanoTime() + all * 1_000_000L;
        boolean virtual = Blocking.isVirtual();
        long pause = 1;
        for (int left = all; ; left = Math.max(0, (int) ((end - System.nanoTime() + 999_999) / 1_000_000L))) {
            if (Thread.interrupted()) throw new InterruptedException();
            boolean last = all >= 0 && left <= (virtual ? 0 : SLICE);
            int code = call.applyAsInt(virtual ? 0 : last ? left : SLICE);
            Reference.reachabilityFence(this);
            if (code != ErrorCode.ETIMEOUT.number() || last) return code;
            if (!virtual) continue;
            Thread.sleep(all < 0 ? pause : Math.min(pause, left));
            pause = Math.min(2 * pause, MOST_PAUSE);
        }
    }
}
