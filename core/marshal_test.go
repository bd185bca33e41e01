package core

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// marshalled is what marshal.dumps writes of a list of rows, whose number is a byte.
func marshalled(rows ...string) []byte {
	return []byte("[" + string(rune(len(rows))) + "\x00\x00\x00" + strings.Join(rows, ""))
}

// marshalledRow is what it writes of ("t", "o", data).
func marshalledRow(data string) string {
	return "(\x03\x00\x00\x00u\x01\x00\x00\x00tu\x01\x00\x00\x00o" + data
}

func TestTryPublishMarshalTakesWhatItCan(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:9", "message.bytes", "100", "queue.messages", "5", "ready.hold", "1h", "linger", "0")
	publish := func(rows ...string) (int, error) { return p.TryPublishMarshal(marshalled(rows...)) }
	good := marshalledRow("T")

	n, err := publish(good, good)
	require.NoError(t, err)
	require.Equal(t, 2, n)

	_, err = p.TryPublishMarshal([]byte("N"))
	code(t, EJSON, err, "list of envelopes")
	n, err = p.TryPublishMarshal([]byte("[\xff\xff\xff\xff"))
	code(t, EJSON, err, "list of envelopes")
	require.Zero(t, n)
	n, err = publish(good, marshalledRow("?"), good)
	code(t, EJSON, err, "common kind")
	require.Equal(t, 1, n)
	n, err = publish(marshalledRow("u\x64\x00\x00\x00" + strings.Repeat("x", 100)))
	code(t, ETOOBIG, err, "message.bytes")
	require.Zero(t, n)

	n, err = publish(good, good, good)
	code(t, ETIMEOUT, err, "full for now")
	require.Equal(t, 2, n)
	s := p.Stats()
	require.EqualValues(t, []any{5, 5, 0}, []any{int(s.Accepted), int(s.Queued), int(s.DroppedFull)}, "what was not taken is not counted")
	_ = p.Stop(0)
	_, err = publish(good)
	code(t, ESTATE, err, "pub")
}

// TestAppendMarshalTellsWhatOnlyJSONHas: it gives columns, and apart from these what they
// cannot hold.
func TestBytesBehindMarshalledValuesAreRefused(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:1")
	for n := 1; n <= 3; n++ {
		values := marshalled(slices.Repeat([]string{marshalledRow("N")}, n)...)
		for _, behind := range []string{"N", "\x00", string(values)} {
			before := p.Stats().Accepted
			queued, err := p.TryPublishMarshal(append(slices.Clip(values), behind...))
			code(t, EJSON, err, "behind")
			require.Equal(t, n-1, queued)
			require.EqualValues(t, n-1, p.Stats().Accepted-before)
		}
		queued, err := p.TryPublishMarshal(values)
		require.NoError(t, err)
		require.Equal(t, n, queued)
	}
}

func TestAppendMarshalTellsWhatOnlyJSONHas(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "ready.hold", "30s")
		n, err := p.TryPublishMarshal(marshalled(marshalledRow("i\x07\x00\x00\x00"), marshalledRow("(\x01\x00\x00\x00N")))
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.NoError(t, p.Publish("t", "o", []byte(` "\ud800" `)))

		var columns [3]string // from the data on
		var odd string
		for i := range columns {
			d, err := r.Take(1, soon)
			require.NoError(t, err)
			values := string(d.AppendMarshal(nil))
			require.LessOrEqual(t, len(values), d.MarshalMost())
			const one = "[\x01\x00\x00\x00"
			require.True(t, strings.HasPrefix(values, "(\x06\x00\x00\x00"+one+"z\x01t"+one+"z\x01o"+one), "%q", values)
			columns[i] = values[4*len(one)+6:]
			odd = string(rowOf(&d.spans[0].items[0], d.spans[0].buf))
			d.Release()
		}
		const none = "[\x00\x00\x00\x00"
		require.True(t, strings.HasPrefix(columns[0], "i\x07\x00\x00\x00[\x01\x00\x00\x00g"), "%q", columns[0])
		require.True(t, strings.HasPrefix(columns[1], "[\x01\x00\x00\x00N[\x01\x00\x00\x00g"), "%q", columns[1])
		require.True(t, strings.HasPrefix(columns[2], "N[\x01\x00\x00\x00g"), "%q", columns[2])
		require.True(t, strings.HasSuffix(columns[1], none+none), "%q", columns[1])
		require.True(t, strings.HasPrefix(odd, `["t","o", "\ud800" ,`), odd)
		require.True(t, strings.HasSuffix(columns[2], odd+none), "%q", columns[2])
	})
}

// TestMarshalMostIsEnough for what grows, in small envelopes and in large ones.
func TestMarshalMostIsEnough(t *testing.T) {
	po := newOffice(t, "zmtp")
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), "on_slow", "ignore", "queue.messages", "10000")
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"), "ready.hold", "30s")
	grows := []string{"0", "[]", "{}", `""`, "1e1", `"\u007f"`, `"\ud800"`, "null", strings.Repeat("9", 30)}
	for _, one := range grows {
		for _, n := range []int{1, 2, 10, 1000} {
			require.NoError(t, p.Publish("t", "o", []byte("["+strings.Repeat(one+",", n-1)+one+"]")))
		}
	}
	for left := 4 * len(grows); left > 0; {
		d, err := r.Take(left, soon)
		require.NoError(t, err)
		require.LessOrEqual(t, len(d.AppendMarshal(nil)), d.MarshalMost())
		left -= d.Len()
		d.Release()
	}
}
