package zmtp

import (
	"errors"
	"fmt"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// upstream reads what a peer of an outlet sends: subscriptions, and commands. Other
// messages of an XSUB concern nobody here and are skipped without being kept.
type upstream struct {
	limit     int // of a subscription, in bytes
	subscribe func(on bool, prefix []byte) error
	command   func(name string, data []byte) (known bool, err error)

	buf  []byte // arrived and not yet looked at begins at buf[at:]
	at   int
	skip uint64 // bytes of a body nobody wants, still to come
}

const upstreamBuffer = 512

// room is where to read to: at least some bytes behind what waits.
func (u *upstream) room() []byte {
	if u.at > 0 {
		u.buf = u.buf[:copy(u.buf, u.buf[u.at:])]
		u.at = 0
	}
	if free := cap(u.buf) - len(u.buf); free == 0 {
		grown := make([]byte, len(u.buf), max(2*cap(u.buf), upstreamBuffer))
		copy(grown, u.buf)
		u.buf = grown
	}
	return u.buf[len(u.buf):cap(u.buf)]
}

// idle gives back a buffer that is of no use while nothing comes.
func (u *upstream) idle() {
	if u.at == len(u.buf) && cap(u.buf) > 16*upstreamBuffer {
		u.buf, u.at = nil, 0
	}
}

// took notes that n bytes have been read to room, and handles what is whole.
func (u *upstream) took(n int) error {
	u.buf = u.buf[:len(u.buf)+n]
	for u.at < len(u.buf) {
		if u.skip > 0 {
			k := min(u.skip, uint64(len(u.buf)-u.at))
			u.at += int(k)
			u.skip -= k
			continue
		}
		whole, err := u.frame(u.buf[u.at:])
		if errors.Is(err, errShortFrame) {
			return nil
		}
		if err != nil {
			return err
		}
		u.at += whole
	}
	return nil
}

// frame handles the frame that p begins with and reports its size.
func (u *upstream) frame(p []byte) (whole int, err error) {
	flags, head, size, err := header(p)
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
			u.skip = size
			return head, nil
		}
	}
	if size > uint64(u.limit+len(cmdSubscribe)+2) {
		return 0, fmt.Errorf("a subscription or command of %d bytes is above the limit of %d", size, u.limit)
	}
	if uint64(len(body)) < size {
		return 0, errShortFrame
	}
	body = body[:size]
	switch {
	case isCommand:
		err = u.obey(body)
	case size > 0: // every frame counts, as in libzmq
		err = u.subscribe(body[0] == 1, body[1:])
	}
	return head + int(size), err
}

func (u *upstream) obey(body []byte) error {
	name, data, err := parseCommand(body)
	if err != nil {
		return err
	}
	switch name {
	case cmdSubscribe, cmdCancel:
		return u.subscribe(name == cmdSubscribe, data)
	}
	_, err = u.command(name, data)
	return err
}
