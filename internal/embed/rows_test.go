package embed_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// marshalled is what marshal.dumps writes of a list of rows, whose number is a byte.
func marshalled(rows ...string) []byte {
	return []byte("[" + string(rune(len(rows))) + "\x00\x00\x00" + strings.Join(rows, ""))
}

// marshalledRow is what it writes of ("t", "o", data).
func marshalledRow(data string) string {
	return "(\x03\x00\x00\x00u\x01\x00\x00\x00tu\x01\x00\x00\x00o" + data
}

func TestEachRowStopsAtTheFirstError(t *testing.T) {
	var got []string
	full := errs.Errorf(errs.ETIMEOUT, "full")
	read := func(most int, values []byte) (int, error) {
		got = nil
		return embed.EachRow(values, func(topic, origin, data []byte) error {
			if len(got) == most {
				return full
			}
			got = append(got, fmt.Sprintf("%s %s %s", topic, origin, data))
			return nil
		})
	}
	good := marshalledRow("T")
	n, err := read(5, marshalled(good, good))
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, []string{`"t" "o" true`, `"t" "o" true`}, got)

	n, err = read(1, marshalled(good, good))
	require.Equal(t, full, err)
	require.Equal(t, 1, n)

	for values, text := range map[string]string{
		"N": "list of envelopes", "[\xff\xff\xff\xff": "list of envelopes", "": "list of envelopes",
		string(marshalled(good, marshalledRow("?"), good)): "common kind",
	} {
		n, err = read(5, []byte(values))
		require.Equal(t, errs.EJSON, errs.CodeOf(err))
		require.ErrorContains(t, err, text)
		require.Len(t, got, n)
	}
}

func TestBytesBehindTheLastRowAreRefused(t *testing.T) {
	for n := 1; n <= 3; n++ {
		values := marshalled(slices.Repeat([]string{marshalledRow("N")}, n)...)
		for _, behind := range []string{"N", "\x00", string(values)} {
			put, err := embed.EachRow(append(slices.Clip(values), behind...), func(_, _, _ []byte) error { return nil })
			require.ErrorContains(t, err, "behind")
			require.Equal(t, n-1, put)
		}
	}
}

// taken gives envelopes of these data as they are taken from a queue.
func taken(t *testing.T, data ...string) *recvqueue.Taken {
	t.Helper()
	q := recvqueue.New(recvqueue.Limits{
		Bound:    func() queue.Bound { return queue.Bound{Messages: 1 << 40, Bytes: 1 << 40} },
		BlockFor: func() time.Duration { return 0 },
	})
	q.Open(queue.DropNew)
	b := batch.Get()
	defer b.Release()
	var s recvqueue.Staged
	for _, d := range data {
		require.NoError(t, wire.Append(b, "t", []byte(`"o"`), []byte(d), false))
	}
	var memo wire.StreamMemo
	for i := range b.Len() {
		var p wire.Parts
		require.NoError(t, p.Split(b.Message(i), &memo))
		r := s.Add()
		r.Set(b.Buf, &p, 1)
		r.Lost = uint32(i)
		s.Size += r.Size()
		s.Counters.Arrived++
	}
	_, _ = q.Put(b, &s)
	out := &recvqueue.Taken{}
	require.Equal(t, recvqueue.Took, q.Take(out, len(data), 0))
	t.Cleanup(out.Release)
	return out
}

// TestMarshalTellsWhatOnlyJSONHas: it gives columns, and apart from these what they cannot
// hold.
func TestMarshalTellsWhatOnlyJSONHas(t *testing.T) {
	const one, none = "[\x01\x00\x00\x00", "[\x00\x00\x00\x00"
	for data, column := range map[string]string{"7": "i\x07\x00\x00\x00", "[null]": one + "N", ` "\ud800" `: "N"} {
		d := taken(t, data)
		values := string(embed.AppendMarshal(nil, d))
		require.LessOrEqual(t, len(values), embed.MarshalSize(d))
		require.True(t, strings.HasPrefix(values, "(\x06\x00\x00\x00"+one+"z\x01t"+one+"z\x01o"+one+column+one+"g"), "%q", values)
		if column == "N" {
			row := string(d.AppendRow(nil, 0))
			require.True(t, strings.HasPrefix(row, `["t","o", "\ud800" ,`), row)
			require.True(t, strings.HasSuffix(values, row+none), "%q", values)
		} else {
			require.True(t, strings.HasSuffix(values, none+none), "%q", values)
		}
	}
	values := string(embed.AppendMarshal(nil, taken(t, "1", "2")))
	require.True(t, strings.HasSuffix(values, none+one+"(\x02\x00\x00\x00i\x01\x00\x00\x00i\x01\x00\x00\x00") ||
		strings.HasSuffix(values, none+one+")\x02i\x01\x00\x00\x00i\x01\x00\x00\x00"), "%q", values)
}

// TestMarshalSizeIsEnough for what grows, in small envelopes and in large ones.
func TestMarshalSizeIsEnough(t *testing.T) {
	for _, one := range []string{"0", "[]", "{}", `""`, "1e1", `"\u007f"`, `"\ud800"`, "null", strings.Repeat("9", 30)} {
		var all []string
		for _, n := range []int{1, 2, 10, 1000} {
			data := "[" + strings.Repeat(one+",", n-1) + one + "]"
			all = append(all, data)
			d := taken(t, data)
			require.LessOrEqual(t, len(embed.AppendMarshal(nil, d)), embed.MarshalSize(d))
		}
		d := taken(t, all...)
		require.LessOrEqual(t, len(embed.AppendMarshal(nil, d)), embed.MarshalSize(d))
	}
}
