package io.github.hermeszmq;

import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.File;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The native library: finds and loads it, declares the prototypes of hermes.h, and converts error codes and text.
 *
 * <p>Loading: {@link #load} is called before an object is made; importing the classes loads nothing. Locks: the
 * monitor of this class guards {@link #loaded}. Output: {@link #out} is a buffer of the calling thread, which its next
 * call overwrites; nested uses on one thread must read it first. Memory: text, envelopes and batches
 * from the library are copied, then freed. Text is UTF-8 with a length, or NUL-terminated for names and options.
 */
final class Native {
    /** The HERMES_ABI_VERSION that this package is written for. */
    private static final int ABI_VERSION = 2;

    private static final int RTLD_NOW = 2;

    private Native() {}

    // ---- Functions. size_t is 64 bits wide on every platform that libhermes supports.

    static native Pointer hermes_version_string();

    static native int hermes_abi_version();

    static native Pointer hermes_strerror(int code);

    static native long hermes_last_error(byte[] buffer, long size);

    static native int hermes_publisher_new(byte[] address, byte[] name, Pointer publisher);

    static native int hermes_receiver_new(byte[] address, byte[] name, Pointer receiver);

    static native int hermes_postoffice_new(byte[] in, byte[] out, byte[] debug, Pointer postoffice);

    static native int hermes_node_new(byte[] name, long receiver, long publisher, Pointer node);

    static native int hermes_set(long handle, byte[] key, byte[] value);

    static native int hermes_get(long handle, byte[] key, byte[] buffer, long size);

    static native int hermes_start(long handle);

    static native int hermes_stop(long handle, int timeout);

    static native int hermes_close(long handle);

    static native int hermes_wait(long handle, int timeout);

    static native int hermes_wait_ready(long handle, int timeout);

    static native int hermes_stats(long handle, Pointer json, Pointer length);

    static native int hermes_next_event(long handle, int timeout, Pointer json, Pointer length);

    static native int hermes_pipe(long handle);

    static native int hermes_publish_try(long publisher, byte[] json);

    static native int hermes_publish_traced(
            long publisher,
            byte[] topic,
            long topicLength,
            byte[] origin,
            long originLength,
            byte[] data,
            long length,
            byte[] traceparent);

    static native int hermes_receiver_subscribe(long receiver, byte[] topic, long length);

    static native int hermes_receiver_unsubscribe(long receiver, byte[] topic, long length);

    static native int hermes_receiver_accept(long receiver, byte[] origin, long length);

    static native void hermes_free(Pointer text);

    static native int hermes_node_publish(long node, byte[] channel, long channelLength, byte[] data, long length);

    static native int hermes_node_recv(long node, int timeout, Pointer envelope);

    static native int hermes_node_run(long node);

    // ---- Loading

    private static boolean loaded;

    private static NativeLibrary hermes; // written before a call can be made

    /** The address of a function. */
    static long address(String function) {
        return Pointer.nativeValue(hermes.getFunction(function));
    }

    /** Loads the library, the first time. */
    static synchronized void load() {
        if (loaded) return;
        List<String> tried = new ArrayList<>();
        for (String candidate : candidates()) {
            try {
                if (candidate.equals(BundledLibrary.NAME)) BundledLibrary.withLibrary(Native::open);
                else open(candidate);
                loaded = true;
                return;
            } catch (IOException | UnsatisfiedLinkError error) {
                tried.add(candidate + ": " + String.valueOf(error.getMessage()).split("\n", 2)[0]);
            }
        }
        throw new UnsatisfiedLinkError("libhermes cannot be loaded; tried " + String.join("; ", tried)
                + ". " + BundledLibrary.advice()
                + " Set HERMES_LIBRARY (or the property hermes.library) to the path of " + BundledLibrary.fileName()
                + ", or install it where the system finds it.");
    }

    private static void open(String path) {
        NativeLibrary library =
                NativeLibrary.getInstance(path, Map.of(com.sun.jna.Library.OPTION_OPEN_FLAGS, RTLD_NOW));
        int found;
        try {
            found = library.getFunction("hermes_abi_version").invokeInt(new Object[0]);
        } catch (UnsatisfiedLinkError error) {
            throw new UnsatisfiedLinkError("not a hermes library");
        }
        if (found < ABI_VERSION) {
            throw new UnsatisfiedLinkError("too old (interface " + found + ", at least " + ABI_VERSION + " is needed)");
        }
        com.sun.jna.Native.register(Native.class, library);
        com.sun.jna.Native.register(Calls.ByJna.class, library);
        hermes = library;
    }

    /** Where the library may be, in order of preference. */
    private static List<String> candidates() {
        for (String chosen : new String[] {System.getProperty("hermes.library"), System.getenv("HERMES_LIBRARY")}) {
            if (chosen != null && !chosen.isEmpty()) return List.of(chosen);
        }
        List<String> found = new ArrayList<>();
        String name = BundledLibrary.fileName();
        File here = codeFolder();
        if (here != null) found.add(new File(here, name).getPath());
        if (BundledLibrary.exists()) found.add(BundledLibrary.NAME);
        if (here != null) {
            for (File folder = here; folder != null; folder = folder.getParentFile()) {
                if (new File(folder, "include/hermes.h").exists()) {
                    found.add(new File(folder, "build/" + name).getPath());
                }
            }
        }
        found.add(name);
        return found;
    }

    /** The folder of the jar, or of the classes; null if unknown. */
    private static File codeFolder() {
        try {
            File place = new File(Native.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
            return place.isDirectory() ? place : place.getParentFile();
        } catch (URISyntaxException | RuntimeException error) {
            return null;
        }
    }

    // ---- Errors and text

    /** The exception for this thread's last failed call. */
    static HermesException failure(int code) {
        byte[] buffer = new byte[2048];
        long length = Math.min(hermes_last_error(buffer, buffer.length), buffer.length - 1);
        String text = new String(buffer, 0, (int) length, StandardCharsets.UTF_8);
        return new HermesException(code, text.isEmpty() ? hermes_strerror(code).getString(0, "UTF-8") : text);
    }

    static void check(int code) {
        if (code != 0) throw failure(code);
    }

    /** Text as UTF-8. Throws EUTF8 for an unpaired surrogate, which getBytes would replace. */
    static byte[] utf8(String text, String what) {
        if (text == null) throw new HermesException(ErrorCode.EINVAL, what + " is null");
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        // Where all bytes are ASCII and none is what getBytes replaces with, there is nothing to check.
        if (bytes.length != text.length() || hasQuestionMark(bytes)) checkSurrogates(text, what);
        return bytes;
    }

    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());

    /** Looks at eight bytes at a time: which byte of a word is 0 shows in the carries of a subtraction. */
    private static boolean hasQuestionMark(byte[] bytes) {
        int i = 0;
        for (; i <= bytes.length - Long.BYTES; i += Long.BYTES) {
            long word = (long) WORDS.get(bytes, i) ^ 0x3f3f3f3f3f3f3f3fL;
            if ((word - 0x0101010101010101L & ~word & 0x8080808080808080L) != 0) return true;
        }
        for (; i < bytes.length; i++) if (bytes[i] == '?') return true;
        return false;
    }

    private static void checkSurrogates(String text, String what) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) continue;
            boolean pair = Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1));
            if (!pair) {
                throw new HermesException(
                        ErrorCode.EUTF8, what + " is not Unicode: half a character (\\u" + Integer.toHexString(c) + ")");
            }
            i++;
        }
    }

    /** Text as a C string. Throws EINVAL if it contains a NUL. */
    static byte[] cString(String text, String what) {
        byte[] bytes = utf8(text, what);
        if (text.indexOf('\0') >= 0) throw new HermesException(ErrorCode.EINVAL, what + " has a NUL in it");
        return java.util.Arrays.copyOf(bytes, bytes.length + 1);
    }

    /** Output arguments of a call: a pointer or a handle (offset 0), and a length (offset 8). */
    private static final ThreadLocal<Memory> OUT = ThreadLocal.withInitial(() -> new Memory(16));

    /** This thread's output buffer, for a pointer or a handle. */
    static Pointer out() {
        return OUT.get();
    }

    /** The length in an output buffer. */
    static Pointer outLength(Pointer out) {
        return out.share(8);
    }

    /** The text at a pointer. */
    static String text(Pointer pointer, Pointer length) {
        int size = Math.toIntExact(length.getLong(0));
        return size == 0 ? "" : new String(pointer.getByteArray(0, size), StandardCharsets.UTF_8);
    }

    /** A copy of the bytes at an address, in memory outside Java's heap; null if there is not enough. */
    static ByteBuffer copy(long address, long size) {
        if (size > Integer.MAX_VALUE) return null;
        if (size == 0) return ByteBuffer.allocate(0);
        try {
            ByteBuffer copy = new Memory(size).getByteBuffer(0, size);
            copy.put(new Pointer(address).getByteBuffer(0, size)).flip();
            return copy.asReadOnlyBuffer();
        } catch (OutOfMemoryError noRoom) {
            return null;
        }
    }

    /** The text that a call returned in an output buffer; frees it. */
    static String takeText(Pointer out) {
        Pointer text = out.getPointer(0);
        try {
            return text(text, outLength(out));
        } finally {
            hermes_free(text);
        }
    }
}
