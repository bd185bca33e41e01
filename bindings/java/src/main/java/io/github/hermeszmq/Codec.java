package io.github.hermeszmq;

/** Makes JSON of values, and values of JSON, with whatever library you like. */
public interface Codec<T> {
    /** The value as one JSON text. */
    String write(T value);

    /** The value of a JSON text; besides JSON there may be NaN, Infinity and -Infinity in it. */
    T read(String json);
}
