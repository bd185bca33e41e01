package wire

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

type vector struct {
	Name      string          `json:"name"`
	Topic     json.RawMessage `json:"topic"`
	Origin    json.RawMessage `json:"origin"`
	DataJSON  string          `json:"data_json"`
	TS        float64         `json:"ts"`
	FramesHex []string        `json:"frames_hex"`
}

func vectors(t testing.TB) (out []vector) {
	text, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var file struct{ Vectors []vector }
	require.NoError(t, json.Unmarshal(text, &file))
	require.Greater(t, len(file.Vectors), 20)
	return file.Vectors
}

func (v vector) frames(t testing.TB) (out [][]byte) {
	for _, h := range v.FramesHex {
		f, err := hex.DecodeString(h)
		require.NoError(t, err)
		out = append(out, f)
	}
	return out
}

func framed(frames ...[]byte) []byte {
	b := batch.Get()
	for i, f := range frames {
		b.AppendFrame(f, i < len(frames)-1)
	}
	return b.Buf
}

// lone reports whether a JSON string of the vectors has a surrogate without its
// partner, which no Go string can hold.
func lone(raw json.RawMessage) bool {
	var s string
	_ = json.Unmarshal(raw, &s)
	return strings.ContainsRune(s, utf8.RuneError)
}

func TestGoldenVectorsAreRead(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			frames := v.frames(t)
			p, err := Split(framed(frames...), new(StreamMemo))
			require.NoError(t, err)
			require.Equal(t, v.TS, p.TS)
			require.False(t, p.Numbered)
			var topic, origin string
			require.NoError(t, json.Unmarshal(v.Topic, &topic))
			require.NoError(t, json.Unmarshal(v.Origin, &origin))
			require.Equal(t, topic, string(Text(p.Topic, nil)))
			require.Equal(t, origin, string(Text(p.Origin, nil)))
			require.Equal(t, frames[2], p.Data)
		})
	}
}

func TestGoldenVectorsAreWritten(t *testing.T) {
	for _, v := range vectors(t) {
		if lone(v.Topic) || lone(v.Origin) {
			continue // read above; a Go string cannot carry it to the encoder
		}
		t.Run(v.Name, func(t *testing.T) {
			var topic, origin string
			require.NoError(t, json.Unmarshal(v.Topic, &topic))
			require.NoError(t, json.Unmarshal(v.Origin, &origin))
			encoded, err := AppendString(nil, origin)
			require.NoError(t, err)
			b := batch.Get()
			require.NoError(t, Append(b, topic, encoded, []byte(v.DataJSON), true))
			Stamp(b, int64(math.Round(v.TS*1e6)), true)
			Number(b, 0, Sequence{Incarnation: 0xbeef, Number: 0xdeadbeef})

			want := v.frames(t)
			got := batch.Frames(nil, b.Message(0))
			require.Len(t, got, 4)
			require.Equal(t, want[0], got[0])
			require.Equal(t, want[1], got[1])
			require.Equal(t, v.DataJSON, string(got[2]))
			var ts float64
			require.NoError(t, json.Unmarshal(got[3], &ts), "any JSON parser skips the trailer")
			require.InDelta(t, v.TS, ts, 1e-6)

			p, err := Split(b.Message(0), new(StreamMemo))
			require.NoError(t, err)
			require.True(t, p.Numbered)
			require.Equal(t, Sequence{0xbeef, 0xdeadbeef}, p.Sequence)
		})
	}
}

func TestTrailerIsTwoBitsACharacterMostSignificantFirst(t *testing.T) {
	dst := make([]byte, TrailerSize)
	PutTrailer(dst, Sequence{Incarnation: 0x1b00, Number: 0x0000001b})
	require.Equal(t, " \t\n\r"+"    "+"            "+" \t\n\r", string(dst))
}

func TestOnlyAnExactTrailerCounts(t *testing.T) {
	for n := range 60 {
		_, _, numbered, ok := ParseTime([]byte("1517670000.25" + strings.Repeat(" ", n)))
		require.True(t, ok)
		require.Equal(t, n == TrailerSize, numbered, "%d characters", n)
	}
}

func TestTimesSurviveToTheMicrosecond(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	dst := make([]byte, TimeSize)
	for range 20000 {
		micros := r.Int64N(9999999999_999999) >> (r.IntN(40))
		PutTime(dst, micros)
		want := fmt.Sprintf("%10d.%06d", micros/1e6, micros%1e6)
		require.Equal(t, want, string(dst))
		ts, _, _, ok := ParseTime(dst)
		require.True(t, ok)
		require.InDelta(t, float64(micros)/1e6, ts, 5e-6) // what a float64 holds
	}
	for _, c := range []struct {
		micros int64
		want   string
	}{{-1, "         0.000000"}, {math.MaxInt64, "9999999999.999999"}} {
		PutTime(dst, c.micros)
		require.Equal(t, c.want, string(dst))
	}
}

func TestAMemoChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var memo StreamMemo
	for range 5000 {
		frame := fmt.Appendf(nil, "%d.%06d", 1517670000+r.IntN(2), r.IntN(2))
		switch r.IntN(4) {
		case 0:
		case 1:
			frame = append(frame, strings.Repeat(" ", r.IntN(30))...)
		default:
			frame = append(frame, make([]byte, TrailerSize)...)
			PutTrailer(frame[len(frame)-TrailerSize:], Sequence{uint16(r.IntN(3)), r.Uint32()})
		}
		ts, seq, numbered, ok := ParseTime(frame)
		ts2, seq2, numbered2, ok2 := memo.parse(frame)
		require.Equal(t, []any{ts, seq, numbered, ok}, []any{ts2, seq2, numbered2, ok2}, "%q", frame)
	}
}

func TestNumbersAgreeWithStrconv(t *testing.T) {
	for _, s := range []string{"0", "1", "-1", "0.5", "1517670000", "1517670000.123456", "1517670000.1234567", "9007199254740993", "1e9", "1E+9", " 5\n", "123456789012345678901234567890", "4.35", "0.1", "12.", ".5", "01", "+1", "", "NaN", "Infinity", "1e999", "1_0", "0x1", "--1", "1.2.3"} {
		want := json.Unmarshal([]byte(s), new(float64)) == nil
		got, ok := parseNumber([]byte(s))
		require.Equal(t, want, ok, "%q", s)
		if want {
			f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
			require.NoError(t, err)
			require.Equal(t, f, got, "%q", s)
		}
	}
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

func TestTimesThatAreNoNumbersAreReadAs1xReadsThem(t *testing.T) {
	const early = math.SmallestNonzeroFloat64
	for text, want := range map[string]float64{
		`"1517670000.25"`: 1517670000.25, `" 1_000.5\n"`: 1000.5, `"+1e3"`: 1000, `"1517670000"`: 1517670000, `true`: 1,
		`0`: 0, `-0.0`: 0, `null`: 0, `false`: 0, `""`: 0, `[]`: 0, `{ }`: 0, ` [ ]`: 0, `NaN`: 0, `Infinity`: 0, `1e999`: 0,
		`-Infinity`: early, `-1e999`: early, `"0"`: early, `"nan"`: 0, `"Infinity"`: 0, `"-inf"`: early,
	} {
		for _, frame := range []string{text, text + strings.Repeat(" ", TrailerSize)} {
			p, err := Split(framed([]byte(`"t"`), []byte(`"o"`), []byte(`1`), []byte(frame)), new(StreamMemo))
			require.NoError(t, err, "%q", frame)
			require.Equal(t, want, p.TS, "%q", frame)
			require.Equal(t, text, string(p.Number))
		}
	}
	for _, text := range []string{`"x"`, `"1x"`, `"0x10"`, `"1p3"`, `"_1"`, `"1__0"`, `"1_"`, `" "`, `[1]`, `{"a":1}`, `nul`, `"1`} {
		_, err := Split(framed([]byte(`"t"`), []byte(`"o"`), []byte(`1`), []byte(text)), new(StreamMemo))
		require.ErrorIs(t, err, ErrTime, text)
	}
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

func TestATimeOfItsOwnStaysAsItIs(t *testing.T) {
	for _, numbered := range []bool{true, false} {
		b := batch.Get()
		times := []string{`5`, `"1517670000.25"`, `0.000000`, `[` + strings.Repeat("1,", 200) + `1]`, ``}
		for _, time := range times {
			e := Entry{Topic: []byte(`5`), Origin: []byte(`null`), Data: []byte(`1`), Time: []byte(time)}
			if time == "" {
				e.Time = nil
			}
			AppendEntry(b, e, numbered)
		}
		Stamp(b, 1517670000_000000, numbered)
		for i, time := range times {
			if time == "" {
				time = "1517670000.000000"
			}
			if numbered {
				Number(b, i, Sequence{7, uint32(i)})
			}
			frames := batch.Frames(nil, b.Message(i))
			require.Equal(t, []string{`5`, `null`, `1`}, []string{string(frames[0]), string(frames[1]), string(frames[2])})
			if numbered {
				seq, ok := parseTrailer(frames[3][len(time):])
				require.True(t, ok)
				require.Equal(t, Sequence{7, uint32(i)}, seq)
			}
			require.Equal(t, time, string(frames[3][:len(time)]))
		}
		b.Release()
	}
}

func TestEntriesOfFourGoOutAsTheyAre(t *testing.T) {
	text := `["a", null, 1, "then"], [{"k": 5}, [], 1, null], [null, "o", 1], [5, null, 1]`
	entries, err := ParseBatch([]byte("["+text+"]"), []byte(`"me"`))
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s %s %s", e.Topic, e.Origin, e.Data, e.Time))
		one := append(append(append([]byte("["), e.Topic...), ','), e.Origin...)
		one = append(append(append(one, ','), e.Data...), ",null]"...)
		entry, err := ParseEntry(one, nil)
		require.NoError(t, err)
		require.Equal(t, Entry{Topic: e.Topic, Origin: e.Origin, Data: e.Data}, entry)
	}
	require.Equal(t, []string{`"a" null 1 "then"`, `{"k": 5} [] 1 `, `null "o" 1 `, `5 "me" 1 `}, got)
}

func TestSplitNamesWhatIsWrong(t *testing.T) {
	good := [][]byte{[]byte(`"t"`), []byte(`"o"`), []byte(`1`), []byte(`2.5`)}
	_, err := Split(framed(good...), new(StreamMemo))
	require.NoError(t, err)
	for i, want := range []error{ErrTopic, ErrOrigin, ErrData, ErrTime} {
		for _, bad := range []string{"", "x", "\"\xff\"", `"`, `""x`} {
			frames := append([][]byte(nil), good...)
			frames[i] = []byte(bad)
			_, err := Split(framed(frames...), new(StreamMemo))
			require.ErrorIs(t, err, want, "%q as frame %d", bad, i)
		}
	}
	for n := range 9 {
		if n == 4 {
			continue
		}
		frames := make([][]byte, n)
		for i := range frames {
			frames[i] = []byte(`"x"`)
		}
		_, err := Split(framed(frames...), new(StreamMemo))
		require.ErrorIs(t, err, ErrFrames, "%d frames", n)
	}
}

func TestTextThatIsNotUTF8LeavesTheBatchAsItWas(t *testing.T) {
	b := batch.Get()
	require.NoError(t, Append(b, "fine", []byte(`"o"`), []byte(`1`), true))
	before := string(b.Buf)
	require.ErrorIs(t, Append(b, "bad\xff", []byte(`"o"`), []byte(`1`), true), ErrUTF8)
	require.Equal(t, before, string(b.Buf))
	require.Equal(t, 1, b.Len())
}

func TestJSONIterAgreesWithTheStandardLibrary(t *testing.T) {
	for _, v := range []any{nil, true, 1, -1.5, 1e21, 1e-7, "a<b>&\u2028\"\\\n\u00e9", []any{1, "x", nil, map[string]any{"k": []int{}}},
		map[string]any{"b": 1, "a": 2}, struct {
			A int     `json:"a"`
			B *string `json:"b,omitempty"`
		}{A: 3}} {
		ours, err := Marshal(v)
		require.NoError(t, err)
		theirs, err := json.Marshal(v)
		require.NoError(t, err)
		var a, b any
		require.NoError(t, json.Unmarshal(ours, &a))
		require.NoError(t, json.Unmarshal(theirs, &b))
		require.Equal(t, b, a)
		var c any
		require.NoError(t, Unmarshal(theirs, &c))
		require.Equal(t, b, c)
	}
}

func TestEachWalksElements(t *testing.T) {
	var got []string
	ok, err := each([]byte(` [1, "a,]" ,[2,[3]],{"k":[4]} ] `), func(e []byte) error { got = append(got, string(e)); return nil })
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, []string{"1", `"a,]"`, "[2,[3]]", `{"k":[4]}`}, got)
	ok, _ = each([]byte(`{}`), nil)
	require.False(t, ok)
}

func TestBatchesAreParsedAndMadeCanonical(t *testing.T) {
	entries, err := ParseBatch([]byte(` [["a/b", null, 1], ["\u00E9\/x", "\u0041", [NaN]],["é\ud800", "\ud83d\uDE00", {}]] `), []byte(`"me"`))
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, string(e.Topic)+" "+string(e.Origin)+" "+string(e.Data))
	}
	require.Equal(t, []string{`"a/b" "me" 1`, `"\u00e9/x" "A" [NaN]`, `"\u00e9\ud800" "\ud83d\ude00" {}`}, got)
	for text, want := range map[string]string{
		`{}`: "not an array", `[1]`: "element 0", `[["a",null,1],["a",null]]`: "element 1", `[["a",null,1,2,3]]`: "element 0",
	} {
		_, err := ParseBatch([]byte(text), nil)
		require.ErrorContains(t, err, want, text)
	}
	entries, err = ParseBatch([]byte(`[]`), nil)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestAnEntryIsParsedAsInABatch: ParseEntry says of a text what ParseBatch says of an array
// with nothing but that text in it.
func TestAnEntryIsParsedAsInABatch(t *testing.T) {
	own := []byte(`"me"`)
	for _, text := range []string{
		`["a/b", null, 1]`, ` [ "\u00E9\/x" , "\u0041" ,[NaN] ]  `, `["é\ud800","\ud83d\uDE00",{}]`, `["","",""]`, `["a","b",[[[1]]]]`,
		``, ` `, `[`, `[]`, `["a"]`, `["a",null]`, `["a",null,1`, `["a",null,1,2]`, `["a",null,1]]`, `["a",null,1] 1`, `["a" null,1]`,
		`["a",,1]`, `["a",null,]`, `[,null,1]`, `{"a":1}`, `1`, `"a"`, `[1,null,1]`, `["a",1,1]`, `["a",[],1]`, `["a",nul,1]`,
		`["a",null,tru]`, "[\"a\",null,\"\xff\"]", "[\"a\",null,1\x00]",
	} {
		one, err := ParseEntry([]byte(text), own)
		array := []byte("[" + text + "]")
		if !Valid([]byte(text)) {
			require.ErrorIs(t, err, ErrJSON, text)
			continue
		}
		require.True(t, Valid(array), text)
		many, batchErr := ParseBatch(array, own)
		require.Equal(t, batchErr == nil, err == nil, "%s: %v, %v", text, batchErr, err)
		if err == nil {
			require.Equal(t, many[0], one, text)
		} else {
			require.NotErrorIs(t, err, ErrJSON, text)
		}
	}
}

func TestTrailersAreWhiteSpaceAndNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		want := Sequence{uint16(r.Uint32()), r.Uint32()}
		var p [TrailerSize]byte
		PutTrailer(p[:], want)
		got, ok := parseTrailer(p[:])
		require.True(t, ok)
		require.Equal(t, want, got)
		at := r.IntN(TrailerSize)
		for c := range 256 {
			p[at] = byte(c)
			_, ok := parseTrailer(p[:])
			require.Equal(t, isSpace(byte(c)), ok, "%q", p)
		}
	}
}

func BenchmarkParseEntry(b *testing.B) {
	text := []byte(`["ticks/BTCUSD", "bitfinex", ["BTCUSD", 6543.21, 1.25, "bid", 1517670000.123456]]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseEntry(text, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	origin, data := []byte(`"bitfinex"`), []byte(`["BTCUSD", 6543.21, 1.25, "bid", 1517670000.123456]`)
	out := batch.Get()
	b.ReportAllocs()
	for b.Loop() {
		if out.Full() {
			out.Reset()
		}
		_ = Append(out, "ticks/BTCUSD/bitfinex", origin, data, true)
	}
}

func BenchmarkSplit(b *testing.B) {
	out := batch.Get()
	_ = Append(out, "ticks/BTCUSD/bitfinex", []byte(`"bitfinex"`), []byte(`["BTCUSD", 6543.21, 1.25, "bid", 1517670000.123456]`), true)
	Stamp(out, 1517670000123456, true)
	b.ReportAllocs()
	var memo StreamMemo
	var p Parts
	for b.Loop() {
		if err := p.Split(out.Message(0), &memo); err != nil {
			b.Fatal(err)
		}
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

func TestSkippingAgreesWithLookingAtEveryByte(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		p := make([]byte, r.IntN(200))
		for i := range p {
			if p[i] = byte('0' + r.IntN(10)); r.IntN(100) == 0 {
				p[i] = byte(r.IntN(256))
			}
		}
		from := r.IntN(len(p) + 1)
		digits, plains := from, from
		for digits < len(p) && p[digits] >= '0' && p[digits] <= '9' {
			digits++
		}
		for plains < len(p) && plain[p[plains]] {
			plains++
		}
		require.Equal(t, digits, skipDigits(p, from), "%q", p)
		require.Equal(t, plains, skipPlain(p, from), "%q", p)
		require.Equal(t, plains, skipPlain(string(p), from), "%q", p)
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
