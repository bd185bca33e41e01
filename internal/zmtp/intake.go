package zmtp

import (
	"errors"
	"fmt"
	"math"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// maxBatch is how many messages go into one batch, so that the index of a run of
// tiny ones stays small enough to be used again.
const maxBatch = 2 * batch.TargetMessages

// parkBytes is how much of an unfinished message is copied out of its arena while
// nothing more comes, so that many peers who say half a word cost half words.
const parkBytes = 16 << 10

// limits are those that what arrives is measured against.
type limits struct {
	frames  int
	message uint64
}

func limitsOf(cfg *carrier.Config) limits {
	l := limits{frames: cfg.Limits.Frames, message: math.MaxUint64}
	if cfg.MaxMessage > 0 {
		l.message = uint64(cfg.MaxMessage)
	}
	return l
}

// intake turns the bytes of one connection into batches of whole messages.
//
// It reads into the arena of the next batch. There, Buf[:kept] are the frames found
// so far, whole messages up to the last of Ends and the beginning of one more behind
// it; Buf[read:full] is still to be looked at. The two differ only behind a command,
// which is cut out. What is left over when a batch is handed on moves to the next.
type intake struct {
	in     *inlet
	c      *conn
	limits limits

	b                *batch.Batch
	parked           []byte // what Buf[:full] was when b was given back
	kept, read, full int
	frames           int    // of the message begun
	body             uint64 // its size so far, without framing
	need             int    // what Buf must hold at least for the frame begun
	usual            int    // about how big arenas have become lately
}

// room is where to read to.
func (t *intake) room() []byte {
	switch {
	case t.b == nil:
		t.b = batch.Get()
		t.b.Buf = append(t.b.Buf, t.parked...)[:0]
		t.parked = nil
	case t.full == cap(t.b.Buf):
		t.grow()
	}
	return t.b.Buf[t.full:cap(t.b.Buf)]
}

// idle gives back an arena that hardly anything is in, for nothing comes for now.
func (t *intake) idle() {
	if t.b == nil || t.full > parkBytes {
		return
	}
	if t.full > 0 {
		t.parked = append([]byte(nil), t.b.Buf[:t.full]...)
	}
	t.b.Release()
	t.b = nil
}

// drop gives everything back.
func (t *intake) drop() {
	if t.b != nil {
		t.b.Release()
	}
	t.b, t.parked = nil, nil
	t.kept, t.read, t.full = 0, 0, 0
}

// begin takes a fresh arena of at least size bytes.
func (t *intake) begin(size int) {
	t.b = batch.Get()
	t.b.Grow(size)
	t.kept, t.read, t.full = 0, 0, 0
}

// grow makes room for the message begun. The arena doubles and no more, whatever
// size a frame claims to be: memory is for bytes that have arrived, or as have arrived
// not long ago.
func (t *intake) grow() {
	old := t.b.Buf[:t.full]
	if t.read > t.kept { // close the gap that commands have left
		copy(old[t.kept:], old[t.read:])
		t.full -= t.read - t.kept
		t.read = t.kept
		return
	}
	size := max(2*cap(old), t.usual)
	if t.need > cap(old) {
		size = min(size, t.need)
	}
	t.b.Replace(append(batch.Arena(size), old[:t.full]...))
}

// preload takes in bytes that were read elsewhere.
func (t *intake) preload(p []byte) error {
	for len(p) > 0 {
		n := copy(t.room(), p)
		p = p[n:]
		if err := t.took(n); err != nil {
			return err
		}
	}
	return nil
}

// took notes that n bytes have been read to room, and hands on what is whole.
func (t *intake) took(n int) error {
	t.full += n
	for {
		err := t.scan()
		whole := len(t.b.Ends) > 0
		if whole {
			t.handOn()
		}
		switch {
		case errors.Is(err, errShortFrame):
			if t.full == 0 {
				t.drop()
			}
			return nil
		case err != nil:
			return err
		}
	}
}

// scan finds frames until the batch has enough messages (nil) or the bytes end
// (errShortFrame).
func (t *intake) scan() error {
	t.need = 0
	for len(t.b.Ends) < maxBatch {
		t.scanShort()
		if err := t.scanOne(); err != nil {
			return err
		}
	}
	return nil
}

// scanShort passes over short message frames for as long as there is nothing else:
// as a rule that is all there is. What it stops at is left to scanOne.
func (t *intake) scanShort() {
	if t.kept != t.read {
		return // they have to be moved
	}
	buf, ends := t.b.Buf[:t.full], t.b.Ends
	at, frames, body := t.read, t.frames, t.body
	for len(ends) < maxBatch-1 && len(buf)-at >= shortHeader {
		flags, size := buf[at], uint64(buf[at+1])
		end := at + shortHeader + int(size)
		if flags > batch.FlagMore || end > len(buf) || frames >= t.limits.frames || size > t.limits.message-body {
			break
		}
		at = end
		frames++
		body += size
		if flags == 0 {
			ends = append(ends, at)
			frames, body = 0, 0
		}
	}
	t.kept, t.read = at, at
	t.b.Ends, t.frames, t.body = ends, frames, body
}

// scanOne passes over one frame of any kind.
func (t *intake) scanOne() error {
	buf := t.b.Buf[:t.full]
	flags, head, size, err := header(buf[t.read:])
	if err != nil {
		return err
	}
	if flags&batch.FlagCommand != 0 {
		return t.command(buf, head, size)
	}
	if err := t.measure(size); err != nil {
		return err
	}
	whole := head + int(size)
	if len(buf)-t.read < whole {
		t.need = t.kept + whole
		return errShortFrame
	}
	if t.kept != t.read {
		copy(buf[t.kept:], buf[t.read:t.read+whole])
	}
	t.kept += whole
	t.read += whole
	t.body += size
	t.frames++
	if flags&batch.FlagMore == 0 {
		t.b.Ends = append(t.b.Ends, t.kept)
		t.frames, t.body = 0, 0
	}
	return nil
}

// measure checks one more frame of the message begun against the limits, before
// the frame has arrived.
func (t *intake) measure(size uint64) error {
	if t.frames >= t.limits.frames {
		return fmt.Errorf("a message of more than %d frames", t.limits.frames)
	}
	if size > t.limits.message-t.body {
		return fmt.Errorf("a message of more than %d bytes", t.limits.message)
	}
	return nil
}

// command obeys the command at read and passes over it.
func (t *intake) command(buf []byte, head int, size uint64) error {
	if size > maxCommand {
		return fmt.Errorf("a command of %d bytes is above the limit of %d", size, maxCommand)
	}
	whole := head + int(size)
	if len(buf)-t.read < whole {
		t.need = t.read + whole
		return errShortFrame
	}
	name, data, err := parseCommand(buf[t.read+head : t.read+whole])
	if err != nil {
		return err
	}
	t.read += whole
	if name == cmdPath {
		return t.in.hearPath(t.c, data)
	}
	_, err = t.c.command(name, data)
	return err
}

// handOn hands the whole messages on and moves the rest to the next arena.
func (t *intake) handOn() {
	b := t.b
	end := b.Ends[len(b.Ends)-1]
	buf := b.Buf[:t.full]
	begun, unread := buf[end:t.kept], buf[t.read:]
	t.begin(len(begun) + len(unread))
	if rest := len(begun) + len(unread); rest > 0 {
		next := append(append(t.b.Buf, begun...), unread...)
		t.kept, t.read, t.full = len(begun), len(begun), rest
		t.b.Buf = next[:0]
	}
	if t.need > 0 {
		t.need -= end
	}
	b.Buf = b.Buf[:end]
	t.usual = max(end, t.usual-t.usual/8)
	t.in.pass(t.c, b)
	b.Release()
}
