package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// Wherever a string is cut, the text of the rest is how the whole begins.
func TestTheBeginningOfAStringIsHowItsTextBegins(t *testing.T) {
	for _, frame := range []string{`""`, `"ticks/eur"`, `"\u00e9\ud83d\ude00x"`, `"é😀"`, `"\"\\\/\b\f\n\r\t"`, `"\ud83d"`, `"\ud83d\u0061"`,
		`"\ud83dx"`, `"\ud83d\ud83d\ude00"`, `"\ude00\ud83d"`, `"\uD83D\uDE00\u00E9"`, `"\ufffd"`} {
		require.True(t, wire.Valid([]byte(frame)), frame)
		text := string(wire.Text([]byte(frame), nil))
		for cut := 1; cut < len(frame); cut++ {
			s := decodePrefix([]byte(frame[:cut]))
			require.True(t, s.valid, "%s", frame[:cut])
			require.False(t, s.closed)
			require.True(t, strings.HasPrefix(text, string(s.text)), "%s: %q is no beginning of %q", frame[:cut], s.text, text)
			require.LessOrEqual(t, cut-s.used, len(`\ud83d\ude0`), "what is left is less than a character")
		}
		s := decodePrefix([]byte(frame + " \n"))
		require.True(t, s.valid && s.closed, frame)
		require.Equal(t, text, string(s.text))
	}
}

func TestWhatNoStringBeginsWithIsRefused(t *testing.T) {
	for _, text := range []string{"\"\n", `"\x`, `"\u0g`, `"\u00 `, `"a"b`, `"" "`, "\"\xff", "\"\xc3(", `"\u+000`} {
		require.False(t, decodePrefix([]byte(text)).valid, "%q", text)
	}
	for _, text := range []string{`"\ud83d\x`, `"\ud83d\uzzzz`} {
		require.False(t, decodePrefix([]byte(text)).valid, "%q", text)
	}
}
