package io.github.hermeszmq;

/** Encodes values as JSON and decodes them, with a JSON library of your choice. */
public interface Codec<T> {
    /** Encodes a value as one JSON text. */
    String write(T value);

    /** Decodes a JSON text, which may also contain NaN, Infinity and -Infinity. */
    T read(String json);
}
