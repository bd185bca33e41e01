package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzValid(f *testing.F) {
	for _, s := range []string{`[1,2.5e-7,"\u00e9",{"a":null}]`, `NaN`, `-Infinity`, `"\ud800"`, `{"a":[{"b":-0}]}`, "[", `"\`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := Valid(data)
		if bytes.Contains(data, []byte("NaN")) || bytes.Contains(data, []byte("Infinity")) {
			return // Python's additions, which the standard library refuses
		}
		want := json.Valid(data) && utf8.Valid(data)
		if want && !got {
			require.Greater(t, bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")), MaxDepth)
			return
		}
		require.Equal(t, want, got)
	})
}

func TestValidAgreesWithPython(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{`NaN`, true}, {`[NaN, -Infinity, Infinity]`, true}, {`-NaN`, false}, {`nan`, false}, {`{"a": NaN}`, true},
		{`"\ud800"`, true}, {`"\ud800\u0041"`, true}, {"\"\x01\"", false}, {"\"\xff\"", false}, {`"\x"`, false}, {`"\u12g4"`, false},
		{`[1,]`, false}, {`[,1]`, false}, {`{"a":1,}`, false}, {`{"a"}`, false}, {`{1:2}`, false}, {`[1 2]`, false}, {`[1}`, false}, {`{"a":1]`, false},
		{`1 2`, false}, {``, false}, {` `, false}, {"\ufeff1", false}, {`[]`, true}, {`{}`, true}, {` [ ] `, true}, {`{"a":{"b":[{}]}}`, true},
		{`"` + "\u2028" + `"`, true}, {"\v1", false}, {strings.Repeat("9", 5000), true},
		{strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), true},
		{strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), false},
		{strings.Repeat("[", 1<<20), false},
		{`["` + strings.Repeat(`\"`, 1000) + `"]`, true},
	} {
		require.Equal(t, c.want, Valid([]byte(c.text)), "%.40q", c.text)
	}
}

func BenchmarkValid(b *testing.B) {
	data := []byte(`["BTCUSD", 6543.21, 1.25, "bid", 1517670000.123456]`)
	b.ReportAllocs()
	for b.Loop() {
		if !Valid(data) {
			b.Fatal()
		}
	}
}

func BenchmarkValidMegabyte(b *testing.B) {
	data := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if !Valid(data) {
			b.Fatal()
		}
	}
}
