package zmtp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// Commands are single frames: a short name and data that depends on it.
const (
	cmdReady     = "READY"
	cmdError     = "ERROR"
	cmdPing      = "PING"
	cmdPong      = "PONG"
	cmdSubscribe = "SUBSCRIBE"
	cmdCancel    = "CANCEL"

	// cmdPath lists the post offices that messages may come from, separated by commas. It
	// is sent only to peers that have named themselves by X-Hermes-Office.
	cmdPath = "HERMES-PATH"

	socketType = "Socket-Type"
	office     = "X-Hermes-Office"
	hermes     = "X-Hermes" // peers pass over properties that they do not know

	// maxCommand bounds the commands of an established connection, but for
	// SUBSCRIBE and CANCEL.
	maxCommand = 64 << 10
	// maxVersion is how much of a peer's X-Hermes is kept.
	maxVersion = 16
	// maxOffice is how much of the name of a post office is kept.
	maxOffice = 32
	// maxPath is how many post offices a path names; of more, the others are not seen.
	maxPath = 1024
	// maxContext is how much of a PING comes back in its PONG.
	maxContext = 16
	// shortReady is the size of the smallest READY that says something.
	shortReady = 2 + 1 + len(cmdReady) + 1 + len(socketType) + 4 + 4
)

// The sizes of a frame's header.
const (
	shortHeader = 2
	longHeader  = 9
)

var errShortFrame = errors.New("incomplete")

// header reads the header of the frame that p begins with: its flags, its own size
// and the size of the body. err is errShortFrame while there are too few bytes.
func header(p []byte) (flags byte, head int, size uint64, err error) {
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
	if size > 1<<62 {
		return 0, 0, 0, fmt.Errorf("broken framing: a frame of %d bytes", size)
	}
	return flags, head, size, nil
}

// appendCommand adds a command frame.
func appendCommand(dst []byte, name string, data ...[]byte) []byte {
	size := 1 + len(name)
	for _, d := range data {
		size += len(d)
	}
	if size <= 0xff {
		dst = append(dst, batch.FlagCommand, byte(size))
	} else {
		dst = append(dst, batch.FlagCommand|batch.FlagLong)
		dst = binary.BigEndian.AppendUint64(dst, uint64(size))
	}
	dst = append(dst, byte(len(name)))
	dst = append(dst, name...)
	for _, d := range data {
		dst = append(dst, d...)
	}
	return dst
}

// parseCommand splits the body of a command frame.
func parseCommand(body []byte) (name string, data []byte, err error) {
	if len(body) == 0 || body[0] == 0 || int(body[0]) > len(body)-1 {
		return "", nil, errors.New("malformed command")
	}
	end := 1 + int(body[0])
	return string(body[1:end]), body[end:], nil
}

// appendSubscription asks for a prefix, or cancels it: by a command since ZMTP 3.1,
// before that by a message whose first byte says which.
func appendSubscription(dst []byte, minor byte, on bool, prefix []byte) []byte {
	if minor >= 1 {
		if on {
			return appendCommand(dst, cmdSubscribe, prefix)
		}
		return appendCommand(dst, cmdCancel, prefix)
	}
	first := byte(0)
	if on {
		first = 1
	}
	dst = batch.AppendHeader(dst, 1+len(prefix), false)
	return append(append(dst, first), prefix...)
}

// appendReady adds the READY of a socket of the given type, with more properties
// behind it.
func appendReady(dst []byte, kind string, more ...byte) []byte {
	return appendCommand(dst, cmdReady, appendProperty(nil, socketType, kind), more)
}

// appendProperty adds a property of a READY.
func appendProperty(dst []byte, name, value string) []byte {
	dst = append(append(dst, byte(len(name))), name...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}

// introduction is what concerns us among the properties of a READY; "" where it is
// missing.
type introduction struct {
	kind    string // the socket type
	version string // of the envelopes that it reads
	office  string // the name of the post office that it is part of
}

func readyProperties(p []byte) (in introduction, err error) {
	for len(p) > 0 {
		n := int(p[0])
		if n == 0 || len(p) < 1+n+4 {
			return introduction{}, errors.New("malformed READY")
		}
		name := string(p[1 : 1+n])
		p = p[1+n:]
		size := binary.BigEndian.Uint32(p)
		if p = p[4:]; uint64(size) > uint64(len(p)) {
			return introduction{}, errors.New("malformed READY")
		}
		switch {
		case strings.EqualFold(name, socketType):
			in.kind = string(p[:size])
		case strings.EqualFold(name, hermes):
			in.version = string(p[:min(size, maxVersion)])
		case strings.EqualFold(name, office):
			in.office = string(p[:min(size, maxOffice)])
		}
		p = p[size:]
	}
	return in, nil
}

// appendError adds an ERROR with its reason.
func appendError(dst []byte, reason string) []byte {
	reason = reason[:min(len(reason), 0xff)]
	return appendCommand(dst, cmdError, []byte{byte(len(reason))}, []byte(reason))
}

// errorReason is what an ERROR says.
func errorReason(data []byte) string {
	if len(data) == 0 {
		return "no reason given"
	}
	return fmt.Sprintf("%q", errorText(data))
}

// errorText is the reason in an ERROR; "" where there is none.
func errorText(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	return string(data[1 : 1+min(int(data[0]), len(data)-1)])
}

// appendPing adds a PING. Its time to live is always zero: it would oblige us to
// send something within that time even while the peer is busy sending.
func appendPing(dst []byte) []byte {
	return appendCommand(dst, cmdPing, []byte{0, 0})
}

// parsePing gives the time to live, in tenths of a second, and the context.
func parsePing(data []byte) (ttl uint16, context []byte, err error) {
	if len(data) < 2 {
		return 0, nil, errors.New("malformed PING")
	}
	context = data[2:]
	return binary.BigEndian.Uint16(data), context[:min(len(context), maxContext)], nil
}
