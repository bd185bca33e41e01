package zmtp

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

// tlsReader decrypts the records of one connection, and has another byteSink consume what is in
// them.
//
//	buf[:full] has arrived and is not decrypted; behind each consume it is less than a record
//
// A record is decrypted straight to the room of the next byteSink; where that is too small, in buf.
// It is used as the decoder is.
type tlsReader struct {
	next  byteSink
	layer *tlsLayer
	c     *conn
	buf   []byte // where bytes are read to; nil while idle and empty
	full  int
}

// input implements protection. early has been decrypted; more may have been read together with it.
func (t *tlsLayer) input(c *conn, to byteSink, _ uint64, early []byte) (byteSink, error) {
	r := &tlsReader{next: to, layer: t, c: c}
	plain, arrived := t.plain, t.records.in
	t.plain, t.records = nil, nil
	for _, p := range [][]byte{early, plain} {
		if err := preload(to, p); err != nil {
			return nil, err
		}
	}
	return r, preload(r, arrived)
}

func (r *tlsReader) room() []byte {
	if cap(r.buf) < batch.TargetBytes {
		arena := batch.Arena(batch.TargetBytes)
		r.buf = append(arena, r.buf[:r.full]...)[:cap(arena)]
	}
	return r.buf[r.full:]
}

func (r *tlsReader) idle() {
	r.next.idle()
	if cap(r.buf) < batch.TargetBytes || r.full > tlsrecord.MaxSize {
		return
	}
	parked := append([]byte(nil), r.buf[:r.full]...)
	batch.Recycle(r.buf)
	r.buf = parked
}

// consume implements byteSink.
func (r *tlsReader) consume(n int) error {
	r.full += n
	rest := r.buf[:r.full]
	for more := true; more; {
		used, err := r.decryptSome(rest)
		rest = rest[used:]
		if err != nil {
			r.full = 0 // what is left is of no use, and room is never empty
			return r.layer.fault(r.c, err)
		}
		more = used > 0
	}
	r.full = copy(r.buf, rest)
	if r.layer.answer.Load() {
		r.c.out.mu.Lock()
		r.c.flush()
	}
	return nil
}

// decryptSome has next consume what is in the records that p begins with, as many as fit into its
// room, and returns their size.
func (r *tlsReader) decryptSome(p []byte) (used int, err error) {
	to, n := r.next.room(), 0
	var beyond []byte // for which there was no room
	for err == nil && beyond == nil {
		var record []byte
		if record, err = tlsrecord.First(p[used:]); record == nil {
			break
		}
		used += len(record)
		var content []byte
		if tlsrecord.Room(record) <= len(to)-n {
			content, err = r.layer.open(to[n:], record)
			n += len(content)
			continue
		}
		content, err = r.layer.open(tlsrecord.Body(record), record)
		k := copy(to[n:], content)
		n += k
		beyond = content[k:]
	}
	if n > 0 {
		if failed := r.next.consume(n); failed != nil {
			return used, failed
		}
	}
	if failed := preload(r.next, beyond); failed != nil {
		return used, failed
	}
	return used, err
}
