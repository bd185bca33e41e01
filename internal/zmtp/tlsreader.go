package zmtp

import (
	"errors"
	"io"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// tlsReader has TLS decrypt the bytes of one connection, and another byteSink consume what is in
// them. crypto/tls keeps an incomplete record, so the buffer is empty behind every consume, and goes
// back to its pool while the connection is idle.
//
// It is used as the decoder is.
type tlsReader struct {
	next  byteSink
	layer *tlsLayer
	c     *conn
	buf   []byte // where bytes are read to; nil while idle
}

// input implements protection. early has been decrypted; more may have been read together with it.
func (t *tlsLayer) input(c *conn, to byteSink, _ uint64, early []byte) (byteSink, error) {
	r := &tlsReader{next: to, layer: t, c: c}
	if err := preload(to, early); err != nil {
		return nil, err
	}
	return r, r.decrypt()
}

func (r *tlsReader) room() []byte {
	if r.buf == nil {
		r.buf = batch.Arena(batch.TargetBytes)
	}
	return r.buf[:cap(r.buf)]
}

func (r *tlsReader) idle() {
	r.next.idle()
	batch.Recycle(r.buf)
	r.buf = nil
}

// consume implements byteSink.
func (r *tlsReader) consume(n int) error {
	r.layer.records.in = r.buf[:n]
	return r.decrypt()
}

// decrypt has next consume all that is complete.
func (r *tlsReader) decrypt() error {
	for {
		to, n := r.next.room(), 0
		var err error
		for n < len(to) && err == nil { // a record is much smaller than a batch
			var k int
			k, err = r.layer.Read(to[n:])
			n += k
		}
		if n > 0 {
			if failed := r.next.consume(n); failed != nil {
				return failed
			}
		}
		if err != nil {
			return r.pause(err)
		}
	}
}

// pause sends what TLS has answered, if it has merely used up what there was.
func (r *tlsReader) pause(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		r.layer.ended = true
		return err
	case !errors.Is(err, errUsedUp):
		return tlsFault(r.c, err)
	}
	some, overflow := r.layer.records.owes()
	if overflow {
		return errOwed
	}
	if some {
		r.c.out.mu.Lock()
		r.c.flush()
	}
	return nil
}
