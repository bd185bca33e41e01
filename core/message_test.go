package core

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/clock"
)

type tick struct {
	Message
	Pair    string
	Price   float64
	private int
	Side    *string
}

func TestMessagesTravelAsArrays(t *testing.T) {
	data, err := appendData(nil, tick{Message: Message{DType: "Tick", TS: 1.5}, Pair: "BTCUSD", Price: 6543.25, private: 1})
	require.NoError(t, err)
	require.JSONEq(t, `["Tick", 1.5, "BTCUSD", 6543.25, null]`, string(data))
	var back tick
	require.NoError(t, (&Envelope{Data: data}).Decode(&back))
	require.Equal(t, tick{Message: Message{DType: "Tick", TS: 1.5}, Pair: "BTCUSD", Price: 6543.25}, back)
}

type odd struct {
	Message
	Bytes   []byte
	Number  json.Number
	When    time.Duration
	Small   float32
	Any     any
	Nested  map[string][]int
	Pointer *tick
}

func TestSlotsOfAnyTypeTravel(t *testing.T) {
	at := odd{Message{"odd", 2.5}, []byte("x"), "5", 3, 0.5, "y", map[string][]int{"a": {1}}, &tick{Price: 1}}
	data, err := appendData(nil, &at)
	require.NoError(t, err)
	require.Equal(t, `["odd",2.5,"eA==",5,3,0.5,"y",{"a":[1]},{"DType":"","TS":0,"Pair":"","Price":1,"Side":null}]`, string(data))
	var back odd
	require.NoError(t, (&View{Data: data}).Decode(&back))
	require.Equal(t, at, back)
	at.Any = make(chan int)
	_, err = appendData(nil, &at)
	code(t, EJSON, err, "core.odd")
}

func TestPublishedAndDecodedMessagesAllocateNothing(t *testing.T) {
	type quote struct {
		Message
		Pair  string
		Price float64
		Size  uint64
	}
	at, back, buffer := Stamp(&quote{Pair: "BTCUSD", Price: 42000.25, Size: 7}), new(quote), make([]byte, 0, 200)
	data, err := appendData(nil, at)
	require.NoError(t, err)
	v := View{Topic: []byte("t"), Data: data}
	require.NoError(t, v.Decode(back))
	require.Equal(t, at, back)
	require.Zero(t, testing.AllocsPerRun(100, func() { buffer, _ = appendData(buffer[:0], at) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = v.Decode(back) }))
}

func TestStampFillsInNameAndTime(t *testing.T) {
	s := Stamp(&tick{Pair: "x"})
	require.Equal(t, "tick", s.DType)
	require.InDelta(t, clock.Seconds(time.Now()), s.TS, 5)
	require.Equal(t, 7, *Stamp(ptr(7)), "what is no message stays as it is")
}

func ptr[T any](v T) *T { return &v }

func TestShortAndLongArraysLoad(t *testing.T) {
	back := tick{Price: 1}
	require.NoError(t, (&Envelope{Data: []byte(`["Tick", 2, "x"]`)}).Decode(&back))
	require.Equal(t, tick{Message: Message{"Tick", 2}, Pair: "x", Price: 1}, back)
	require.NoError(t, (&Envelope{Data: []byte(`["Tick", 2, "y", 3, null, 4, 5]`)}).Decode(&back))
	require.Equal(t, "y", back.Pair)
	code(t, EJSON, (&Envelope{Data: []byte(`{"a": 1}`)}).Decode(&back))
	code(t, EJSON, (&Envelope{Data: []byte(`["Tick", 2, 3]`)}).Decode(&back), "slot 2")
	code(t, EINVAL, (&Envelope{Data: []byte(`[]`)}).Decode(back), "pointer")
	code(t, EJSON, (&Envelope{Topic: "t", Data: []byte(`NaN`)}).Decode(new(any)), `"t"`)
	_, err := appendData(nil, make(chan int))
	code(t, EJSON, err, "chan int")
}

// TestWhatDoesNotFitIsAnErrorOfThisEnvelopeAlone: what Python sends and Go cannot hold, and
// numbers that are not those of the type.
func TestWhatDoesNotFitIsAnErrorOfThisEnvelopeAlone(t *testing.T) {
	refuse := func(v any, texts ...string) {
		t.Helper()
		for _, text := range texts {
			e := Envelope{Topic: "a topic", Data: []byte(text)}
			code(t, EJSON, e.Decode(v), "a topic")
			require.Equal(t, text, string(e.Data))
		}
	}
	refuse(new(float64), "NaN", "Infinity", "-Infinity", `"NaN"`, "true", "1e999")
	refuse(new([]float64), "[1, NaN]", "[-Infinity]")
	refuse(new(any), "NaN", `{"a": [Infinity]}`)
	refuse(new(float32), "1e300")
	refuse(new(uint8), "256", "-1", "1.5", "1e300", "true")
	refuse(new(uint64), "-1", "18446744073709551616")
	refuse(new(int64), "9223372036854775808", "1.5", "1e300")
	refuse(new([]int8), "[1, 128]")
	refuse(new(map[string]uint), `{"a": -1}`)
}

func TestANumberThatIsNotFiniteIsNotPublished(t *testing.T) {
	p := newPublisher(t, "auto", "tcp://127.0.0.1:9")
	for _, v := range []any{math.NaN(), []float64{math.Inf(1)}, map[string]any{"a": float32(math.Inf(-1))}} {
		code(t, EJSON, p.PublishValue("t", v), "cannot encode")
	}
	require.NoError(t, p.Publish("t", "", []byte("[NaN]")), "but as text")
	require.EqualValues(t, 1, p.Stats().Accepted)
}

func BenchmarkMessages(b *testing.B) {
	type quote struct {
		Message
		Pair  string
		Price float64
		Size  uint64
	}
	at, back := Stamp(&quote{Pair: "BTCUSD", Price: 42000.25, Size: 7}), new(quote)
	data, _ := appendData(nil, at)
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			data, _ = appendData(data[:0], at)
		}
	})
	b.Run("decode", func(b *testing.B) {
		v := View{Data: data}
		for b.Loop() {
			_ = v.Decode(back)
		}
	})
}
