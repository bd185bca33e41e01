package recvqueue

import "github.com/hermes-zmq/hermes/internal/wire"

// Taken is what one Take has taken: envelopes in order, as views of the buffers that they
// arrived in. After Release the views are void. The zero value is empty and ready for use;
// one goroutine at a time may use it.
type Taken struct {
	spans []span
	n     int
	size  int64 // of all records

	at, first int // span of the last look-up, and the index of its first envelope
}

// span is consecutive records of one chunk.
type span struct {
	chunk   *chunk
	records []Record
	buf     []byte
}

// View is one envelope; its texts are views of the Taken that gave it.
type View struct {
	Topic, Origin []byte // decoded, UTF-8
	Data          []byte // one JSON value
	TS, Received  float64
	Lost          uint32
	TraceParent   []byte // the text of its trace context; nil: it has none

	// Run is all three texts in one piece, for a caller that copies them at once: the topic,
	// at OriginAt and DataAt (bytes from its beginning) the others, and at least one byte
	// without meaning behind topic and origin. It is nil where they do not lie close to
	// each other.
	Run              []byte
	OriginAt, DataAt int
}

// add takes n records of a chunk, from the given one on, which have a size.
func (t *Taken) add(c *chunk, from, n int, size int64) {
	c.refs.Add(1)
	t.size += size
	t.spans = append(t.spans, span{c, c.records[from : from+n : from+n], c.buf})
	t.n += n
}

// Release gives the buffers back and empties it.
func (t *Taken) Release() {
	for i := range t.spans {
		t.spans[i].chunk.release()
		t.spans[i] = span{}
	}
	*t = Taken{spans: t.spans[:0]}
}

// Len is the number of envelopes.
func (t *Taken) Len() int { return t.n }

// Record finds envelope i, from 0 on, and the buffer that it lies in; looking one after the
// other is cheap.
func (t *Taken) Record(i int) (*Record, []byte) {
	if i < t.first {
		t.at, t.first = 0, 0
	}
	for i-t.first >= len(t.spans[t.at].records) {
		t.first += len(t.spans[t.at].records)
		t.at++
	}
	s := &t.spans[t.at]
	return &s.records[i-t.first], s.buf
}

// Look fills in the view of envelope i, from 0 on.
func (t *Taken) Look(i int, v *View) {
	r, buf := t.Record(i)
	v.TS, v.Received, v.Lost = r.Time, r.Received, r.Lost
	v.TraceParent = nil
	if r.Number.len > wire.ContextSize {
		v.TraceParent = wire.AppendTraceParent(nil, r.Number.Of(buf))
	}
	v.Run, v.OriginAt, v.DataAt = r.run(buf)
	if run := v.Run; run != nil {
		topic, origin := int(r.Topic.len)-len(`""`), v.OriginAt+int(r.Origin.len)-len(`""`)
		v.Topic, v.Origin, v.Data = run[:topic:topic], run[v.OriginAt:origin:origin], run[v.DataAt:]
		return
	}
	v.Topic, v.Origin = r.texts(buf)
	v.Data = r.Data.Of(buf)
}
