package io.github.hermeszmq;

/** Writes the JSON array of envelopes for hermes_publish_batch. */
final class Json {
    private Json() {}

    /** Appends a string. */
    static void quote(StringBuilder to, String text) {
        if (text == null) throw new HermesException(ErrorCode.EINVAL, "the topic is null");
        to.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') to.append('\\').append(c);
            else if (c < ' ') to.append(String.format("\\u%04x", (int) c));
            else to.append(c);
        }
        to.append('"');
    }

    /**
     * Returns the text; throws EJSON if, as an array element, it could be read as more or less than one value. The
     * library validates the rest.
     */
    static String one(String text) {
        if (text == null) throw new HermesException(ErrorCode.EINVAL, "the data is null");
        int depth = 0;
        boolean sound = !text.isBlank();
        for (int i = 0; i < text.length() && sound; i++) {
            switch (text.charAt(i)) {
                case '"' -> i = endOfString(text, i);
                case '[', '{' -> depth++;
                case ']', '}' -> sound = --depth >= 0;
                case ',' -> sound = depth > 0;
                default -> {}
            }
            sound &= i < text.length();
        }
        if (sound && depth == 0) return text;
        String some = text.length() > 100 ? text.substring(0, 100) + "…" : text;
        throw new HermesException(ErrorCode.EJSON, "the data is not one JSON value: " + some);
    }

    private static int endOfString(String text, int at) {
        for (at++; at < text.length() && text.charAt(at) != '"'; at++) {
            if (text.charAt(at) == '\\') at++;
        }
        return at;
    }
}
