package wire

import "unicode/utf8"

// Prefixes are what a topic prefix looks like on the wire: that of topics that are
// strings, as nearly all are, and where it can be one, that of topics that are not. A topic
// that begins with a quotation mark is a raw prefix of the first frame. The error is
// ErrUTF8.
func Prefixes(topic string) ([][]byte, error) {
	if topic == "" {
		return [][]byte{{}}, nil
	}
	if topic[0] == '"' {
		if !utf8.ValidString(topic) {
			return nil, ErrUTF8
		}
		return [][]byte{[]byte(topic)}, nil
	}
	prefix, err := AppendPrefix(nil, topic)
	if err != nil {
		return nil, err
	}
	if topic[0] == '[' || topic[0] == '{' || Valid([]byte(topic)) {
		return [][]byte{prefix, []byte(topic)}, nil
	}
	return [][]byte{prefix}, nil
}
