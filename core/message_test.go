package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type tick struct {
	Message
	Pair    string
	Price   float64
	private int
	Side    *string
}

func TestMessagesTravelAsArrays(t *testing.T) {
	data, err := marshalData(tick{Message: Message{DType: "Tick", TS: 1.5}, Pair: "BTCUSD", Price: 6543.25, private: 1})
	require.NoError(t, err)
	require.JSONEq(t, `["Tick", 1.5, "BTCUSD", 6543.25, null]`, string(data))
	var back tick
	require.NoError(t, (&Envelope{Data: data}).Decode(&back))
	require.Equal(t, tick{Message: Message{DType: "Tick", TS: 1.5}, Pair: "BTCUSD", Price: 6543.25}, back)
}

func TestStampFillsInNameAndTime(t *testing.T) {
	s := Stamp(&tick{Pair: "x"})
	require.Equal(t, "tick", s.DType)
	require.InDelta(t, seconds(time.Now()), s.TS, 5)
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
	_, err := marshalData(make(chan int))
	code(t, EJSON, err, "chan int")
}
