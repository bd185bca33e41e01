package io.github.hermeszmq;

/** The codes of hermes.h. */
public enum ErrorCode {
    /** An argument is null or out of range. */
    EINVAL(-1),
    /** No such component, closed, or of another kind. */
    EBADHANDLE(-2),
    /** Not started, or started already. */
    ESTATE(-3),
    /** Not an address, or not a supported one. */
    EADDRESS(-4),
    /** Another socket is bound to the address. */
    EADDRINUSE(-5),
    /** No such option, or not a value of it. */
    EOPTION(-6),
    /** Text that is not Unicode. */
    EUTF8(-7),
    /** Data that is not one JSON value. */
    EJSON(-8),
    /** The queue had no room in time; counted as dropped. */
    EFULL(-9),
    /** The timeout expired. */
    ETIMEOUT(-10),
    /** The component has stopped, and its queue is empty. */
    ESTOPPED(-11),
    /** This process was forked after the library's first use. */
    EFORKED(-12),
    /** A fault inside the library; the component has failed. */
    EINTERNAL(-13),
    /** Out of memory. */
    ENOMEM(-14),
    /** The caller's buffer is too small. */
    ERANGE(-15),
    /** An envelope above the limit "message.bytes". */
    ETOOBIG(-16),
    /** Not supported by this kind of component. */
    ENOTSUP(-17),
    /** The operating system refused; the text says what. */
    EIO(-18),
    /** The peer does not let this component in: its key is not known, or has no rights there. */
    EACCES(-19),
    /** The peer has not proved that it is the one expected. */
    EAUTH(-20),
    /** A code of a library that is newer than this package. */
    UNKNOWN(0);

    private final int number;

    ErrorCode(int number) {
        this.number = number;
    }

    /** The number that hermes.h gives it. */
    public int number() {
        return number;
    }

    static ErrorCode of(int number) {
        for (ErrorCode code : values()) {
            if (code.number == number) return code;
        }
        return UNKNOWN;
    }
}
