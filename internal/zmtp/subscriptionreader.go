package zmtp

import (
	"errors"
	"fmt"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// subscriptionBuffer is the size of the first buffer, in bytes.
const subscriptionBuffer = 512

// subscriptionReader turns the bytes that a peer of an outlet sends into subscriptions
// and commands. Any other message of an XSUB is skipped without being kept. The goroutine
// of the connection uses it.
//
//	form       frame                             meaning
//	ZMTP 3.1   command SUBSCRIBE or CANCEL       its data are the prefix (RFC 37)
//	ZMTP 3.0   message, first byte 1 or 0        subscribe or cancel; the rest is the prefix (RFC 23)
//
// Both are understood from every peer. Every frame of a message counts, as in libzmq.
type subscriptionReader struct {
	limit     int // of a subscription, in bytes
	subscribe func(on bool, prefix []byte) error
	command   func(name string, data []byte) (known bool, err error)

	buf  []byte // buf[at:] has arrived and is to be parsed
	at   int
	skip uint64 // bytes of a body that is skipped, still to come
}

// room is where to read to: at least one byte behind what is to be parsed.
func (r *subscriptionReader) room() []byte {
	if r.at > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.at:])]
		r.at = 0
	}
	if free := cap(r.buf) - len(r.buf); free == 0 {
		grown := make([]byte, len(r.buf), max(2*cap(r.buf), subscriptionBuffer))
		copy(grown, r.buf)
		r.buf = grown
	}
	return r.buf[len(r.buf):cap(r.buf)]
}

// idle gives back a big empty buffer while nothing arrives.
func (r *subscriptionReader) idle() {
	if r.at == len(r.buf) && cap(r.buf) > 16*subscriptionBuffer {
		r.buf, r.at = nil, 0
	}
}

// consume takes n bytes that have been read to room, and handles the frames that are
// complete.
func (r *subscriptionReader) consume(n int) error {
	r.buf = r.buf[:len(r.buf)+n]
	for r.at < len(r.buf) {
		if r.skip > 0 {
			k := min(r.skip, uint64(len(r.buf)-r.at))
			r.at += int(k)
			r.skip -= k
			continue
		}
		whole, err := r.frame(r.buf[r.at:])
		if errors.Is(err, errShortFrame) {
			return nil
		}
		if err != nil {
			return err
		}
		r.at += whole
	}
	return nil
}

// frame handles the frame that p begins with and reports its size.
func (r *subscriptionReader) frame(p []byte) (whole int, err error) {
	flags, head, size, err := parseHeader(p)
	if err != nil {
		return 0, err
	}
	body := p[head:]
	isCommand := flags&batch.FlagCommand != 0
	if !isCommand && size > 0 {
		if len(body) == 0 {
			return 0, errShortFrame
		}
		if body[0] > 1 {
			r.skip = size
			return head, nil
		}
	}
	if size > uint64(r.limit+len(cmdSubscribe)+2) {
		return 0, fmt.Errorf("a subscription or command of %d bytes is above the limit of %d", size, r.limit)
	}
	if uint64(len(body)) < size {
		return 0, errShortFrame
	}
	body = body[:size]
	switch {
	case isCommand:
		err = r.handleCommand(body)
	case size > 0:
		err = r.subscribe(body[0] == 1, body[1:])
	}
	return head + int(size), err
}

func (r *subscriptionReader) handleCommand(body []byte) error {
	name, data, err := parseCommand(body)
	if err != nil {
		return err
	}
	switch name {
	case cmdSubscribe, cmdCancel:
		return r.subscribe(name == cmdSubscribe, data)
	}
	_, err = r.command(name, data)
	return err
}
