// Package linkmessage is the format of what post offices send each other over NATS: a run of
// messages of one topic, whole, in the framing of ZMTP, behind a header that says which site has
// sent it and as what number.
//
//	offset  size  meaning
//	0       2     'h' 'l'
//	2       1     version of this format: 1
//	3       1     0
//	4       8     run: drawn at random by a site each time it joins, big-endian
//	12      8     number: counts what that run has sent, from 1 on, big-endian
//	20      rest  1 to MaxMessages messages, as a batch has them back to back, whose first frames
//	              are the same
//
// Anything else is malformed, and refused as a whole: a frame that is cut off, a command, a flag
// that ZMTP does not know, a message without its last frame, more frames than MaxFrames, another topic. Reading
// allocates no more than twice what has arrived, whatever its content. There are no locks.
package linkmessage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hermes-zmq/hermes/internal/batch"
)

const (
	// HeaderSize is the length of the header.
	HeaderSize = 20
	// TargetBytes is the size at which a writer closes a message and begins another.
	TargetBytes = batch.TargetBytes
	// MaxMessages is how many messages one may have: as many as a batch from a connection.
	MaxMessages = 2 * batch.TargetMessages
	// MaxFrames is how many frames a message may have.
	MaxFrames = 64 << 10

	version = 1
)

// ErrMalformed is what every error of this package is.
var ErrMalformed = errors.New("malformed")

// Header is what stands in front of the messages.
type Header struct {
	Run    uint64
	Number uint64
}

// Begin appends room for a header, in front of the messages to be appended.
func Begin(dst []byte) []byte { return append(dst, make([]byte, HeaderSize)...) }

// Finish writes the header of data, which Begin has begun.
func Finish(data []byte, h Header) {
	p := (*[HeaderSize]byte)(data)
	p[0], p[1], p[2], p[3] = 'h', 'l', version, 0
	binary.BigEndian.PutUint64(p[4:], h.Run)
	binary.BigEndian.PutUint64(p[12:], h.Number)
}

// ReadHeader splits the header off.
func ReadHeader(data []byte) (h Header, messages []byte, err error) {
	if len(data) < HeaderSize || data[0] != 'h' || data[1] != 'l' {
		return h, nil, fmt.Errorf("%w: %d bytes that do not begin with the header", ErrMalformed, len(data))
	}
	if data[2] != version || data[3] != 0 {
		return h, nil, fmt.Errorf("%w: version %d.%d of the format, and only %d.0 is known", ErrMalformed, data[2], data[3], version)
	}
	h.Run, h.Number = binary.BigEndian.Uint64(data[4:]), binary.BigEndian.Uint64(data[12:])
	return h, data[HeaderSize:], nil
}

// Append appends copies of messages to a batch: all of them, or none where one is malformed.
func Append(b *batch.Batch, messages []byte) error {
	bytes, ends := len(b.Buf), len(b.Ends)
	err := appendEnds(b, messages)
	if err != nil {
		b.Ends = b.Ends[:ends]
		return err
	}
	b.Grow(len(messages))
	b.Buf = append(b.Buf[:bytes], messages...)
	return nil
}

// appendEnds notes where each message will end in a batch.
func appendEnds(b *batch.Batch, messages []byte) error {
	base, count, frames, topic := len(b.Buf), 0, 0, []byte(nil)
	for at := 0; at < len(messages); {
		size, more, err := frame(messages[at:])
		if err != nil {
			return err
		}
		if topic == nil {
			topic = messages[:size]
		}
		if frames == 0 && !bytes.HasPrefix(messages[at:], topic) {
			return fmt.Errorf("%w: messages of several topics", ErrMalformed)
		}
		at += size
		if frames++; frames > MaxFrames {
			return fmt.Errorf("%w: a message of more than %d frames", ErrMalformed, MaxFrames)
		}
		if more {
			continue
		}
		frames = 0
		if count++; count > MaxMessages {
			return fmt.Errorf("%w: more than %d messages", ErrMalformed, MaxMessages)
		}
		b.Ends = append(b.Ends, base+at)
	}
	if count == 0 || frames > 0 {
		return fmt.Errorf("%w: the last message is not complete", ErrMalformed)
	}
	return nil
}

// frame gives the size of the frame at the beginning of p, its header included.
func frame(p []byte) (size int, more bool, err error) {
	if p[0]&^(batch.FlagMore|batch.FlagLong) != 0 {
		return 0, false, fmt.Errorf("%w: the flags of a frame are %#x", ErrMalformed, p[0])
	}
	_, rest, more, ok := batch.NextFrame(p)
	if !ok {
		return 0, false, fmt.Errorf("%w: a frame is cut off", ErrMalformed)
	}
	return len(p) - len(rest), more, nil
}
