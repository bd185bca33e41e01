package io.github.hermeszmq;

/** About the native library. */
public final class Hermes {
    private Hermes() {}

    /** The version of the native library, such as "2.0.0". */
    public static String version() {
        Native.load();
        return Native.hermes_version_string().getString(0, "UTF-8");
    }

    /** The short text for a code. */
    public static String describe(ErrorCode code) {
        Native.load();
        return Native.hermes_strerror(code.number()).getString(0, "UTF-8");
    }
}
