package wire

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "caf\u00e9", "\U0001f600", "\"\\\n\r\t\f\b\x7f\x00", "\xff", "\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out, err := AppendString(nil, s)
		if !utf8.ValidString(s) {
			require.ErrorIs(t, err, ErrUTF8)
			return
		}
		require.NoError(t, err)
		require.True(t, ValidString(out))
		require.Equal(t, s, string(Text(out, nil)))
		for _, c := range out {
			require.True(t, c >= 0x20 && c <= 0x7e)
		}
	})
}

func TestTopicsAndOriginsThatAreNoStringsAreTheirText(t *testing.T) {
	for _, text := range []string{`null`, `5`, `["a", "b"]`, `{"k": [1]}`, `NaN`, ` true `} {
		p, err := Split(framed([]byte(text), []byte(text), []byte(`1`), []byte(`2.5`)), new(StreamMemo))
		require.NoError(t, err, text)
		require.False(t, p.Plain)
		require.Equal(t, text, string(p.Topic))
		require.Equal(t, strings.TrimSpace(text), string(Text(p.Topic, nil)))
		require.Equal(t, strings.TrimSpace(text), string(Text(p.Origin, nil)))
	}
}
