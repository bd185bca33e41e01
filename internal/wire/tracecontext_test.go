package wire

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// The characters of docs/wire.md.
func TestATraceContextIsTwoBitsACharacterInFrontOfTheTime(t *testing.T) {
	time, err := TimeWithContext("00-0000000000000000000000000000001b-00000000000000e4-01", []byte("5"))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat(" ", 60)+" \t\n\r"+strings.Repeat(" ", 28)+"\r\n\t "+"   \t"+"5", string(time))
	require.Equal(t, "00-0000000000000000000000000000001b-00000000000000e4-01", string(AppendTraceParent(nil, time)))
}

func TestEveryTraceContextComesBack(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		want := fmt.Sprintf("00-%016x%016x-%016x-%02x", r.Uint64(), 1|r.Uint64(), 1|r.Uint64(), 1|r.UintN(256))
		for _, time := range []string{"", "1517670000.5", " 5", `"5"`, "null"} {
			own := []byte(time)
			if time == "" {
				own = nil
			}
			frame, err := TimeWithContext(want, own)
			require.NoError(t, err)
			require.True(t, json.Valid(frame))
			require.Equal(t, want, string(AppendTraceParent(nil, frame)))
			require.True(t, HasTraceParent(frame))
		}
	}
}

func TestWhatIsNotSampledDoesNotTravel(t *testing.T) {
	for flags := range 256 {
		time, err := TimeWithContext(fmt.Sprintf("%s%02x", traceParent[:53], flags), nil)
		require.NoError(t, err)
		require.Equal(t, flags&1 == 1, time != nil)
	}
	time, err := TimeWithContext(traceParent[:53]+"00", []byte("5"))
	require.NoError(t, err)
	require.Equal(t, "5", string(time))
}

func TestATextThatIsNoTraceParent(t *testing.T) {
	for _, text := range []string{
		"", "00", traceParent[:54], traceParent + "-", "01" + traceParent[2:], "ff" + traceParent[2:],
		strings.ToUpper(traceParent), strings.Replace(traceParent, "-00f0", "_00f0", 1), traceParent[:52] + "_01",
		strings.Replace(traceParent, "4bf9", "4bg9", 1), strings.Replace(traceParent, "4bf9", "4bF9", 1), traceParent[:53] + "0x",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		traceParent[:53] + "\x00\x01",
	} {
		_, err := TimeWithContext(text, nil)
		require.ErrorIs(t, err, ErrTraceParent, "%q", text)
		_, err = TimeWithContext([]byte(text), nil)
		require.ErrorIs(t, err, ErrTraceParent, "%q", text)
	}
}

func TestWhiteSpaceThatIsNoTraceContext(t *testing.T) {
	good, err := TimeWithContext(traceParent, []byte("5"))
	require.NoError(t, err)
	for name, frame := range map[string]string{
		"no time": string(good[:100]), "short": string(good[1:]), "empty": "", "all zero": strings.Repeat(" ", 100) + "5",
		"not sampled": string(good[:99]) + " 5", "no trace": strings.Repeat(" ", 64) + string(good[64:]),
		"no span": string(good[:64]) + strings.Repeat(" ", 32) + string(good[96:]), "no space": strings.Repeat("1", 101),
	} {
		require.False(t, HasTraceParent([]byte(frame)), name)
		require.Equal(t, "x", string(AppendTraceParent([]byte("x"), []byte(frame))), name)
	}
	for i := range 100 {
		for _, c := range "1\x00\x0b\xff" {
			wrong := []byte(string(good))
			wrong[i] = byte(c)
			require.False(t, HasTraceParent(wrong), "%d %q", i, c)
		}
	}
}

// A traced envelope is stamped and numbered as any other, and read as one by Split, with a memo of others and without.
func TestATracedEnvelopeIsStampedNumberedAndRead(t *testing.T) {
	for _, numbered := range []bool{true, false} {
		b := batch.Get()
		time, err := TimeWithContext(traceParent, nil)
		require.NoError(t, err)
		AppendEntry(b, Entry{Topic: []byte(`"t"`), Origin: []byte(`"o"`), Data: []byte("1"), Time: time}, numbered)
		require.NoError(t, Append(b, "t", []byte(`"o"`), []byte("1"), numbered))
		Stamp(b, 1517670000_500000, numbered)
		if numbered {
			Number(b, 0, Sequence{3, 4})
			Number(b, 1, Sequence{3, 5})
			seq, ok := SequenceOf(b.Message(0))
			require.True(t, ok)
			require.Equal(t, Sequence{3, 4}, seq)
		}
		extra := len(b.Message(0)) - len(b.Message(1))
		require.Equal(t, 100, extra, "what it costs on the wire")
		memo := &StreamMemo{}
		for range 3 {
			traced, err := Split(b.Message(0), memo)
			require.NoError(t, err)
			plain, err := Split(b.Message(1), memo)
			require.NoError(t, err)
			require.Equal(t, traceParent, string(AppendTraceParent(nil, traced.Number)))
			require.False(t, HasTraceParent(plain.Number))
			require.Equal(t, 1517670000.5, traced.TS)
			require.Equal(t, plain.TS, traced.TS)
			require.Equal(t, numbered, traced.Numbered)
			require.Equal(t, string(plain.Number), string(traced.Number[ContextSize:]))
		}
		b.Release()
	}
}

// What a cache, history and retained envelopes do to a time leaves the context.
func TestMarksAndNewTimesKeepATraceContext(t *testing.T) {
	for _, own := range []string{"1517670000.123456", "5", " 5", `"5"`} {
		for _, trailer := range []string{"", trailerOf(Sequence{1, 2})} {
			time, err := TimeWithContext(traceParent, []byte(own))
			require.NoError(t, err)
			msg := texts(`"t"`, `"o"`, "1", string(time)+trailer)
			at, ok := TimeAt(msg)
			require.True(t, ok)
			marked := AppendMarked(nil, msg, at)
			fresh := AppendRestamped(nil, marked, 1700000000_250000)
			for _, changed := range [][]byte{marked, fresh} {
				p, err := Split(changed, &StreamMemo{})
				require.NoError(t, err)
				require.Equal(t, trailer != "", p.Numbered)
				require.Equal(t, traceParent, string(AppendTraceParent(nil, p.Number)), "%q", own)
			}
			p, err := Split(fresh, &StreamMemo{})
			require.NoError(t, err)
			require.Equal(t, 1700000000.25, p.TS)
		}
	}
}

func TestAnEntryOfFivePartsCarriesATraceContext(t *testing.T) {
	e, err := ParseEntry([]byte(`["t", null, 1, null, "`+traceParent+`"]`), []byte(`"me"`))
	require.NoError(t, err)
	require.Equal(t, "null", string(e.Origin), "as where there is a time")
	require.Equal(t, traceParent, string(AppendTraceParent(nil, e.Time)))
	e, err = ParseEntry([]byte(`["t", "o", 1, 7.5 , "`+traceParent+`" ]`), nil)
	require.NoError(t, err)
	require.Equal(t, "7.5", string(e.Time[ContextSize:]))
	e, err = ParseEntry([]byte(`["t", "o", 1, 7.5, null]`), nil)
	require.NoError(t, err)
	require.Equal(t, "7.5", string(e.Time))
	for _, text := range []string{`["t","o",1,null,"nonsense"]`, `["t","o",1,null,5]`, `["t","o",1,null,[]]`} {
		_, err = ParseEntry([]byte(text), nil)
		require.ErrorContains(t, err, "traceparent", text)
		_, err = ParseBatch([]byte("["+text+"]"), nil)
		require.ErrorContains(t, err, "element 0", text)
	}
	_, err = ParseEntry([]byte(`["t","o",1,null,"nonsense"`), nil)
	require.ErrorIs(t, err, ErrJSON)
	_, err = ParseEntry([]byte(`["t","o",1,null,null,1]`), nil)
	require.ErrorContains(t, err, "it is not")
}

func FuzzTraceContexts(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint64(3), byte(1), []byte("1517670000.5"))
	f.Add(uint64(0), uint64(0), uint64(0), byte(0), []byte(" "))
	f.Fuzz(func(t *testing.T, a, b, span uint64, flags byte, time []byte) {
		text := fmt.Sprintf("00-%016x%016x-%016x-%02x", a, b, span, flags)
		frame, err := TimeWithContext(text, append([]byte{}, time...))
		if a|b == 0 || span == 0 {
			require.ErrorIs(t, err, ErrTraceParent)
			return
		}
		require.NoError(t, err)
		if flags&1 == 0 {
			require.Equal(t, len(time), len(frame))
			return
		}
		require.Equal(t, Valid(time), Valid(frame))
		if len(time) == 0 {
			return
		}
		require.Equal(t, text, string(AppendTraceParent(nil, frame)))
		// Split takes it as it would without the context.
		with, errWith := Split(texts(`"t"`, `"o"`, "1", string(frame)), &StreamMemo{})
		without, errWithout := Split(texts(`"t"`, `"o"`, "1", string(time)), &StreamMemo{})
		require.Equal(t, errWithout, errWith)
		require.Equal(t, without.Sequence, with.Sequence)
		require.Equal(t, without.TS, with.TS)
		require.Equal(t, without.Cached, with.Cached)
	})
}

func BenchmarkSplitTraced(b *testing.B) {
	for _, traced := range []bool{false, true} {
		b.Run(fmt.Sprint(traced), func(b *testing.B) {
			var time []byte
			if traced {
				time, _ = TimeWithContext(traceParent, nil)
			}
			batched := batch.Get()
			AppendEntry(batched, Entry{Topic: []byte(`"ticks/BTCUSD"`), Origin: []byte(`"exchange"`), Data: []byte(`{"price": 42000}`), Time: time}, true)
			Stamp(batched, 1517670000_500000, true)
			memo := &StreamMemo{}
			var p Parts
			for b.Loop() {
				_ = p.Split(batched.Message(0), memo)
			}
		})
	}
}
