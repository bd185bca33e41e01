package zmtp

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// A command is one frame with the command flag (RFC 37, "Commands"). Its body:
//
//	offset  size  meaning
//	0       1     size of the name, n
//	1       n     name
//	1+n     rest  data
//
// Data of the commands that are used here:
//
//	READY          properties, see ready.go
//	ERROR          1 byte size, reason
//	PING           2 bytes time to live in 0.1 s, network order; 0 to 16 bytes context
//	PONG           the context of the PING
//	SUBSCRIBE      prefix (ZMTP 3.1)
//	CANCEL         prefix (ZMTP 3.1)
//	HERMES-PATH    see route.go; our own
//	HERMES-DENIED  what the peer has no right to, and why, for people; nothing: no longer. Our own
//	HERMES-SINCE   time from which on the peer wants history of its next subscriptions. Our own, as
//	               the other two of history: see historyposition.go
//	HERMES-REACHED time before which the peer has everything
//	HERMES-MISSING which history the peer does not get, and why, for people
//	HERMES-DURABLE topics whose messages the peer is to retain. Our own, as the next: see confirm.go
//	HERMES-CONFIRM how many messages it need not retain any more
const (
	cmdReady     = "READY"
	cmdError     = "ERROR"
	cmdPing      = "PING"
	cmdPong      = "PONG"
	cmdSubscribe = "SUBSCRIBE"
	cmdCancel    = "CANCEL"
	cmdRoute     = "HERMES-PATH"
	cmdDenied    = "HERMES-DENIED"
	cmdSince     = "HERMES-SINCE"
	cmdReached   = "HERMES-REACHED"
	cmdMissing   = "HERMES-MISSING"
	cmdDurable   = "HERMES-DURABLE"
	cmdConfirm   = "HERMES-CONFIRM"
)

// maxContext is how much of a PING comes back in its PONG.
const maxContext = 16

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

// appendBody adds the command frame of a body.
func appendBody(dst, body []byte) []byte {
	name, data, _ := parseCommand(body)
	return appendCommand(dst, name, data)
}

// parseCommand splits the body of a command frame.
func parseCommand(body []byte) (name string, data []byte, err error) {
	if len(body) == 0 || body[0] == 0 || int(body[0]) > len(body)-1 {
		return "", nil, errors.New("malformed command")
	}
	end := 1 + int(body[0])
	return string(body[1:end]), body[end:], nil
}

// appendSubscription subscribes to a prefix, or cancels that, in the form of the minor
// version: a command since ZMTP 3.1, a message before (see subscriptionReader).
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

// appendError adds an ERROR; a reason of more than 255 bytes is cut.
func appendError(dst []byte, reason string) []byte {
	reason = reason[:min(len(reason), 0xff)]
	return appendCommand(dst, cmdError, []byte{byte(len(reason))}, []byte(reason))
}

// errorReason is the reason in an ERROR, for an error text.
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

// appendPing adds a PING. Its time to live is always zero: any other would oblige us to
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
