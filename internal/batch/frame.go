package batch

import "encoding/binary"

// A frame, as ZMTP 3.0 and 3.1 define it (https://rfc.zeromq.org/spec/23/ and
// https://rfc.zeromq.org/spec/37/, "Framing"):
//
//	offset  size    meaning
//	0       1       flags
//	1       1 or 8  size of the body; 8 bytes in network order if the long flag is set
//	2 or 9  size    body

// The flags of a frame. The other bits are 0.
const (
	FlagMore    = 0x01 // another frame of the same message follows
	FlagLong    = 0x02 // the size has 8 bytes
	FlagCommand = 0x04 // a command, and not a frame of a message
)

const (
	longHeader = 9
	maxShort   = 255
)

// ShortHeader is the size of a short frame's header.
const ShortHeader = 2

// HeaderSize is the number of bytes in front of a body of n bytes.
func HeaderSize(n int) int {
	if n > maxShort {
		return longHeader
	}
	return ShortHeader
}

// AppendHeader appends the header of a message frame whose body has n bytes.
func AppendHeader(dst []byte, n int, more bool) []byte {
	var flags byte
	if more {
		flags = FlagMore
	}
	if n <= maxShort {
		return append(dst, flags, byte(n))
	}
	dst = append(dst, flags|FlagLong)
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

// NextFrame splits the first frame off p. ok is false where p does not begin with a complete
// frame, which cannot happen inside a batch of a carrier.
func NextFrame(p []byte) (body, rest []byte, more, ok bool) {
	if len(p) < ShortHeader {
		return nil, nil, false, false
	}
	flags := p[0]
	head, n := ShortHeader, uint64(p[1])
	if flags&FlagLong != 0 {
		if len(p) < longHeader {
			return nil, nil, false, false
		}
		head, n = longHeader, binary.BigEndian.Uint64(p[1:])
	}
	if n > uint64(len(p)-head) {
		return nil, nil, false, false
	}
	end := head + int(n)
	return p[head:end:end], p[end:], flags&FlagMore != 0, true
}

// ShortEnd is the end of the frame that begins at at. ok is false where that is not a short
// frame that another one follows, as most are.
func ShortEnd(p []byte, at int) (end int, ok bool) {
	if at+ShortHeader > len(p) || p[at] != FlagMore {
		return 0, false
	}
	end = at + ShortHeader + int(p[at+1])
	return end, end <= len(p)
}

// Topic is the body of a message's first frame, with which subscriptions are compared.
func Topic(msg []byte) []byte {
	body, _, _, _ := NextFrame(msg)
	return body
}

// Frames appends the bodies of all frames of one message to dst.
func Frames(dst [][]byte, msg []byte) [][]byte {
	for len(msg) > 0 {
		body, rest, _, ok := NextFrame(msg)
		if !ok {
			return dst
		}
		dst = append(dst, body)
		msg = rest
	}
	return dst
}
