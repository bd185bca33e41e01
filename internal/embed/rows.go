package embed

import (
	"slices"
	"sync"

	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/marshal"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

// MarshalSize is at least the number of bytes that AppendMarshal appends: what grows most
// are integers, of which two bytes, with the comma, become five.
func MarshalSize(t *recvqueue.Taken) int {
	const head, each = 64, 64
	return 3*t.JSONSize(false) + each*t.Len() + head
}

// AppendMarshal appends envelopes for Python's marshal.loads: a tuple of six lists. Four are
// the topics, the origins, the data and the times. The fifth has pairs (index, JSON text of
// [topic, origin, data, ts]) for envelopes that only Python's json can read, and for those with a trace
// context in front of ts: of the first four some have None; the last has pairs (index, number of envelopes missing before it).
func AppendMarshal(dst []byte, t *recvqueue.Taken) []byte {
	var odd []int
	dst = marshal.AppendTuple(dst, 6)
	for _, text := range []func(*recvqueue.Record) recvqueue.Extent{
		func(r *recvqueue.Record) recvqueue.Extent { return r.Topic },
		func(r *recvqueue.Record) recvqueue.Extent { return r.Origin },
		func(r *recvqueue.Record) recvqueue.Extent { return r.Data },
		func(r *recvqueue.Record) recvqueue.Extent { return r.Number },
	} {
		dst = marshal.AppendList(dst, t.Len())
		for i := range t.Len() {
			r, buf := t.Record(i)
			var ok bool
			if dst, ok = marshal.AppendJSON(dst, text(r).Of(buf)); !ok {
				dst = marshal.AppendNone(dst)
				odd = append(odd, i)
			}
		}
	}
	for i := range t.Len() {
		if r, buf := t.Record(i); r.HasTraceParent(buf) {
			odd = append(odd, i)
		}
	}
	return appendLost(appendOdd(dst, t, odd), t)
}

// appendOdd appends the envelopes that are given as JSON.
func appendOdd(dst []byte, t *recvqueue.Taken, odd []int) []byte {
	slices.Sort(odd)
	odd = slices.Compact(odd)
	dst = marshal.AppendList(dst, len(odd))
	for _, i := range odd {
		dst = marshal.AppendInt(marshal.AppendTuple(dst, 2), i)
		dst = marshal.AppendBytes(dst, t.AppendRow(nil, i))
	}
	return dst
}

// appendLost appends what is missing.
func appendLost(dst []byte, t *recvqueue.Taken) []byte {
	at, n := len(dst), 0
	dst = marshal.AppendList(dst, 0)
	for i := range t.Len() {
		if r, _ := t.Record(i); r.Lost > 0 {
			dst = marshal.AppendInt(marshal.AppendTuple(dst, 2), i)
			dst = marshal.AppendInt(dst, int(r.Lost))
			n++
		}
	}
	marshal.AppendList(dst[:at], n)
	return dst
}

// rowRoom is room for a row that is read.
var rowRoom = sync.Pool{New: func() any { return new([]byte) }}

// maxRowRoom is the most that is kept of such room, in bytes.
const maxRowRoom = 64 << 10

// EachRow reads what Python's marshal.dumps(rows, 2) writes of a list of tuples (topic,
// origin, data), and hands each to put, as JSON values that are good until put returns. It
// stops at the first error, of put or of the format (EJSON), and tells how many rows were put
// before.
func EachRow(values []byte, put func(topic, origin, data []byte) error) (n int, err error) {
	room := rowRoom.Get().(*[]byte)
	defer func() {
		if cap(*room) <= maxRowRoom {
			rowRoom.Put(room)
		}
	}()
	r := marshal.NewDecoder(values)
	rows, ok := r.Rows()
	if !ok || rows == 0 {
		return 0, errs.Errorf(errs.EJSON, "the values are not those of a list of envelopes")
	}
	for n < rows {
		row, grown, ok := r.Row(*room)
		*room = grown
		if !ok {
			return n, errs.Errorf(errs.EJSON, "the values of the envelope are not of the common kind")
		}
		if n == rows-1 && !r.Done() { // then the bytes are not what marshal wrote, and it is not known what they mean
			return n, errs.Errorf(errs.EJSON, "there are bytes behind the values of the last envelope")
		}
		if err := put(row.Topic, row.Origin, row.Data); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
