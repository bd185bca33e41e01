package zmtp

import (
	"errors"
	"fmt"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// byteSink is where the bytes of a connection are read to: a decoder, a subscriptionReader, or a
// cipherReader in front of one of them.
type byteSink interface {
	// room is where to read to; it is not empty.
	room() []byte
	// idle is called when there is nothing to read for now.
	idle()
	// consume takes n bytes that have been read to room. Nothing is read behind an error.
	consume(n int) error
}

// preload has a byteSink consume bytes that were read elsewhere.
func preload(to byteSink, p []byte) error {
	for len(p) > 0 {
		n := copy(to.room(), p)
		p = p[n:]
		if err := to.consume(n); err != nil {
			return err
		}
	}
	return nil
}

// cipherReader decrypts the bytes of one connection, in place, and has another byteSink consume
// the frames.
//
//	buf[:full]  has arrived
//	buf[:plain] while consume runs: decrypted frames
//	buf[at:]    while consume runs: to be decrypted
//
// A frame that is decrypted is shorter than it was before, header included, so plain <= at. A
// frame's size is checked before its body has arrived, and buf grows with what has arrived. While
// the connection is idle few bytes are parked in a buffer of their own size.
//
// It is used as the decoder is.
type cipherReader struct {
	next  byteSink
	open  frameOpener
	limit uint64 // of the body of a decrypted frame, in bytes

	buf  []byte
	full int
	need int // what buf must hold for the first frame in it
}

// input implements protection.
func (p *curveProtection) input(_ *conn, to byteSink, limit uint64, early []byte) (byteSink, error) {
	r := &cipherReader{next: to, open: p.open, limit: limit}
	return r, preload(r, early)
}

func (r *cipherReader) room() []byte {
	if r.full == cap(r.buf) {
		size := max(batch.TargetBytes, min(2*cap(r.buf), max(r.need, batch.TargetBytes)))
		grown := append(batch.Arena(size), r.buf[:r.full]...)
		batch.Recycle(r.buf)
		r.buf = grown
	}
	return r.buf[r.full:cap(r.buf)]
}

func (r *cipherReader) idle() {
	r.next.idle()
	if cap(r.buf) <= parkBytes || r.full > parkBytes {
		return
	}
	var parked []byte
	if r.full > 0 {
		parked = append(parked, r.buf[:r.full]...)
	}
	batch.Recycle(r.buf)
	r.buf = parked
}

// consume implements byteSink.
func (r *cipherReader) consume(n int) error {
	r.full += n
	at, plain := 0, 0
	buf := r.buf[:r.full]
	var failed error
	for {
		whole, frame, err := r.decrypt(buf[at:], buf[plain:])
		if err != nil {
			if !errors.Is(err, errShortFrame) {
				failed = err
			}
			break
		}
		at += whole
		plain += frame
	}
	if err := preload(r.next, buf[:plain]); err != nil {
		failed = err
	}
	if failed != nil {
		r.full = 0 // what is left is of no use, and room is never empty
		return failed
	}
	r.full = copy(r.buf[:r.full], buf[at:])
	return nil
}

// decrypt decrypts the frame that p begins with, and writes it to dst, which begins in front of
// p. It returns the sizes of both.
func (r *cipherReader) decrypt(p, dst []byte) (whole, frame int, err error) {
	_, head, size, err := parseHeader(p)
	if err != nil {
		return 0, 0, err
	}
	if size > r.limit+uint64(curve.Overhead) {
		return 0, 0, fmt.Errorf("an encrypted frame of %d bytes is above the limit of %d", size, r.limit)
	}
	whole = head + int(size)
	if len(p) < whole {
		r.need = whole
		return 0, 0, errShortFrame
	}
	flags, body, err := r.open.Open(p[head:whole])
	if err != nil {
		return 0, 0, err
	}
	header := appendHeader(dst[:0], flags, len(body))
	return whole, len(header) + copy(dst[len(header):], body), nil
}
