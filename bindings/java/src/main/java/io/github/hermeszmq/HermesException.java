package io.github.hermeszmq;

/** Thrown by failed calls. The message names the object and the cause. */
public class HermesException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int number;

    HermesException(int number, String text) {
        super(text);
        this.number = number;
    }

    HermesException(ErrorCode code, String text) {
        this(code.number(), text);
    }

    /** Which error. */
    public ErrorCode code() {
        return ErrorCode.of(number);
    }

    /** The number that hermes.h gives it. */
    public int number() {
        return number;
    }
}
