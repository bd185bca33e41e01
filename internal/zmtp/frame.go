package zmtp

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// A frame (RFC 23 and RFC 37, "Framing"):
//
//	offset  size    meaning
//	0       1       flags: bit 0 more frames follow, bit 1 long, bit 2 command; others are 0
//	1       1 or 8  size of the body; 8 bytes in network order if long
//	2 or 9  size    body
//
// Package batch writes message frames and reads those that have passed this check.
const (
	shortHeader = 2
	longHeader  = 9
)

// errShortFrame says that more bytes are needed.
var errShortFrame = errors.New("incomplete frame")

// appendHeader appends the header of a frame of these flags, without that of a long frame.
func appendHeader(dst []byte, flags byte, size int) []byte {
	if size <= 0xff {
		return append(dst, flags, byte(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, flags|batch.FlagLong), uint64(size))
}

// parseHeader reads the header of the frame that p begins with: its flags, its own size
// and the size of the body. err is errShortFrame while there are too few bytes.
func parseHeader(p []byte) (flags byte, head int, size uint64, err error) {
	if len(p) < shortHeader {
		return 0, 0, 0, errShortFrame
	}
	flags, head, size = p[0], shortHeader, uint64(p[1])
	if flags&^(batch.FlagMore|batch.FlagLong|batch.FlagCommand) != 0 {
		return 0, 0, 0, fmt.Errorf("broken framing: a frame with reserved flags (0x%02x)", flags)
	}
	if flags&batch.FlagLong != 0 {
		if len(p) < longHeader {
			return 0, 0, 0, errShortFrame
		}
		head, size = longHeader, binary.BigEndian.Uint64(p[1:])
	}
	if size > 1<<62 { // a size that an int64 holds, header included
		return 0, 0, 0, fmt.Errorf("broken framing: a frame of %d bytes", size)
	}
	return flags, head, size, nil
}
