package wire

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

func FuzzSplit(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(framed(v.frames(f)...))
	}
	f.Add([]byte{1, 0, 1, 0, 1, 0, 0, 0})
	f.Add(framed([]byte(`"topic" `), []byte(" 100"), []byte("{}"), []byte("0.0"))) // 1.x reads such an origin
	f.Add([]byte{2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, msg []byte) {
		var memo StreamMemo
		p, err := Split(msg, &memo)
		for range templateMisses + 1 { // the first time as afterwards
			q, again := Split(msg, &memo)
			require.Equal(t, err, again)
			if err == nil {
				require.Equal(t, p, q)
			}
		}
		if err != nil {
			return
		}
		requireText(t, p.Topic)
		requireText(t, p.Origin)
	})
}

// requireText expects Text to be the content of a string, and the JSON text of any other value.
func requireText(t *testing.T, frame []byte) {
	want := strings.Trim(string(frame), " \t\r\n")
	if want[0] == '"' {
		require.NoError(t, json.Unmarshal(frame, &want))
	}
	require.Equal(t, want, string(Text(frame, nil)))
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
