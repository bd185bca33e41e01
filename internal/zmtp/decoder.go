package zmtp

import (
	"errors"
	"fmt"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/invariants"
)

// The decoder turns the bytes of one connection into batches of complete messages.
//
// It reads into the arena of the next batch:
//
//	Buf[:kept]       frames found so far: the messages up to the last of Ends, and the
//	                 beginning of one more
//	Buf[kept:read]   a gap that cut-out commands have left; as a rule it is empty
//	Buf[read:full]   to be parsed
//	Buf[full:cap]    room
//
// Rules: A frame's size is checked against the limits before its body has arrived. The
// arena grows with what has arrived, and not with what a header announces. A batch is
// delivered when a read has completed at least one message, or when it has maxBatch of
// them; what is left over moves to the next arena. While a connection is idle, few bytes
// are parked in a buffer of their own size and the arena goes back to its pool.
//
// The goroutine of the connection uses the decoder, or the holder of a reader lease
// (sharedreader.go); the mutex of the sharedReader keeps the two apart.

const (
	// maxBatch is how many messages go into one batch, so that the index of a run of
	// tiny ones stays small enough to be used again.
	maxBatch = 2 * batch.TargetMessages

	// parkBytes is how much of an incomplete message is copied out of its arena while
	// the connection is idle, so that many peers with half a message cost little.
	parkBytes = 16 << 10

	// bigFrame is the size from which a frame is read to its end and little further, for
	// what follows it is copied to the next arena: aheadBytes, enough for the time
	// of the message and the topic of the next one.
	bigFrame   = 32 << 10
	aheadBytes = 4 << 10
)

// decoder turns the bytes of one connection into batches.
type decoder struct {
	in     *inlet
	c      *conn
	limits messageLimits

	b                *batch.Batch // nil while parked
	parked           []byte       // what Buf[:full] was when b was given back
	kept, read, full int          // offsets in b.Buf, see above
	frames           int          // of the message that Buf[:kept] ends with
	body             uint64       // its size so far, without framing
	need             int          // what Buf must hold at least for the frame at read
	usual            int          // about how big arenas have become lately
}

// room is where to read to.
func (d *decoder) room() []byte {
	switch {
	case d.b == nil:
		d.b = batch.Get()
		d.b.Buf = append(d.b.Buf, d.parked...)[:0]
		d.parked = nil
	case d.full == cap(d.b.Buf), d.need > cap(d.b.Buf) && d.need <= d.usual:
		d.grow()
	}
	end := cap(d.b.Buf)
	if d.need-d.kept > bigFrame {
		end = min(end, d.need+d.read-d.kept+aheadBytes)
	}
	return d.b.Buf[d.full:end]
}

// idle gives back an arena with few bytes in it, for nothing arrives for now.
func (d *decoder) idle() {
	if d.b == nil || d.full > parkBytes {
		return
	}
	if d.full > 0 {
		d.parked = append([]byte(nil), d.b.Buf[:d.full]...)
	}
	d.b.Release()
	d.b = nil
}

// release gives back all memory.
func (d *decoder) release() {
	if d.b != nil {
		d.b.Release()
	}
	d.b, d.parked = nil, nil
	d.kept, d.read, d.full = 0, 0, 0
}

// begin takes a fresh arena of at least size bytes.
func (d *decoder) begin(size int) {
	d.b = batch.Get()
	d.b.Grow(size)
	d.kept, d.read, d.full = 0, 0, 0
}

// grow makes room for the incomplete message: it closes the gap that commands have left,
// or else doubles the arena, or makes it as big as arenas have become lately.
func (d *decoder) grow() {
	old := d.b.Buf[:d.full]
	if d.read > d.kept {
		copy(old[d.kept:], old[d.read:])
		d.full -= d.read - d.kept
		d.read = d.kept
		return
	}
	size := max(2*cap(old), d.usual)
	if d.need > cap(old) {
		size = min(size, d.need+aheadBytes)
	}
	d.b.Replace(append(batch.Arena(size), old[:d.full]...))
}

// consume takes n bytes that have been read to room, and delivers the messages that are
// complete.
func (d *decoder) consume(n int) error {
	d.full += n
	for {
		err := d.parse()
		if invariants.Enabled {
			d.verify()
		}
		if len(d.b.Ends) > 0 {
			d.deliver()
		}
		switch {
		case errors.Is(err, errShortFrame):
			if d.full == 0 {
				d.release()
			}
			return nil
		case err != nil:
			return err
		}
	}
}

// parse finds frames until the batch has enough messages (nil) or the bytes end
// (errShortFrame).
func (d *decoder) parse() error {
	d.need = 0
	for len(d.b.Ends) < maxBatch {
		d.parseShortFrames()
		if err := d.parseFrame(); err != nil {
			return err
		}
	}
	return nil
}

// parseShortFrames is the fast path: it passes over short message frames for as long as
// there is nothing else. What it stops at is left to parseFrame.
func (d *decoder) parseShortFrames() {
	if d.kept != d.read {
		return // they have to be moved
	}
	buf, ends := d.b.Buf[:d.full], d.b.Ends
	at, frames, body := d.read, d.frames, d.body
	for len(ends) < maxBatch-1 && len(buf)-at >= shortHeader {
		flags, size := buf[at], uint64(buf[at+1])
		end := at + shortHeader + int(size)
		if flags > batch.FlagMore || end > len(buf) || frames >= d.limits.frames || size > d.limits.bytes-body {
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
	d.kept, d.read = at, at
	d.b.Ends, d.frames, d.body = ends, frames, body
}

// parseFrame passes over one frame of any kind.
func (d *decoder) parseFrame() error {
	buf := d.b.Buf[:d.full]
	flags, head, size, err := parseHeader(buf[d.read:])
	if err != nil {
		return err
	}
	if flags&batch.FlagCommand != 0 {
		return d.handleCommand(buf, head, size)
	}
	if err := d.limits.check(d.frames, d.body, size); err != nil {
		return err
	}
	whole := head + int(size)
	if len(buf)-d.read < whole {
		d.need = d.kept + whole
		return errShortFrame
	}
	if d.kept != d.read {
		copy(buf[d.kept:], buf[d.read:d.read+whole])
	}
	d.kept += whole
	d.read += whole
	d.body += size
	d.frames++
	if flags&batch.FlagMore == 0 {
		d.b.Ends = append(d.b.Ends, d.kept)
		d.frames, d.body = 0, 0
	}
	return nil
}

// handleCommand handles the command at read and cuts it out.
func (d *decoder) handleCommand(buf []byte, head int, size uint64) error {
	if size > maxCommand {
		return fmt.Errorf("a command of %d bytes is above the limit of %d", size, maxCommand)
	}
	whole := head + int(size)
	if len(buf)-d.read < whole {
		d.need = d.read + whole
		return errShortFrame
	}
	name, data, err := parseCommand(buf[d.read+head : d.read+whole])
	if err != nil {
		return err
	}
	d.read += whole
	switch name {
	case cmdRoute:
		return d.in.receiveRoute(d.c, data)
	case cmdReached:
		return d.in.position.advance(d.c, data)
	case cmdMissing:
		d.in.reportMissing(d.c, printableReason(data))
		return nil
	}
	_, err = d.c.command(name, data)
	return err
}

// deliver delivers the complete messages and moves the rest to the next arena.
func (d *decoder) deliver() {
	b := d.b
	end := b.Ends[len(b.Ends)-1]
	buf := b.Buf[:d.full]
	begun, unread := buf[end:d.kept], buf[d.read:]
	d.begin(len(begun) + len(unread))
	if rest := len(begun) + len(unread); rest > 0 {
		next := append(append(d.b.Buf, begun...), unread...)
		d.kept, d.read, d.full = len(begun), len(begun), rest
		d.b.Buf = next[:0]
	}
	if d.need > 0 {
		d.need -= end
	}
	b.Buf = b.Buf[:end]
	d.usual = max(end, d.usual-d.usual/8)
	d.in.deliverBatch(d.c, b)
	b.Release()
}

// verify checks the offsets.
func (d *decoder) verify() {
	end := 0
	if n := len(d.b.Ends); n > 0 {
		end = d.b.Ends[n-1]
	}
	invariants.Check(end <= d.kept && d.kept <= d.read && d.read <= d.full && d.full <= cap(d.b.Buf),
		"decoder: messages end at %d, kept %d, read %d, full %d of %d", end, d.kept, d.read, d.full, cap(d.b.Buf))
}
