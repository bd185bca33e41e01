package wire

import (
	"encoding/hex"
	"errors"
)

// A trace context stands in front of the time, in envelopes that are sampled: 100 white-space
// characters, each of which encodes two bits as in the trailer (docs/wire.md, "The trace context").
//
//	offset  size      meaning
//	0       64        the trace: 16 bytes, not all zero
//	64      32        the span of the sender: 8 bytes, not all zero
//	96      4         flags: 1 byte; bit 0, sampled, is set
//	100     n         the time
//	100+n   0 or 4    cache mark
//	-       0 or 24   trailer
//
// To every JSON parser it is white space. The mark and the trailer are found from the other end.

const (
	// ContextSize is the length of a trace context in front of a time.
	ContextSize  = 100
	contextBytes = ContextSize / 4

	// TraceParentSize is the length of the text of a trace context.
	TraceParentSize = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

	sampled = 1 // a bit of the flags
)

// ErrTraceParent says that a text is not a trace context.
var ErrTraceParent = errors.New(`not a traceparent of W3C Trace Context, version 00: "00-", 32 hexadecimal digits in lower case, "-", 16, "-", 2, and neither of the first two numbers is 0`)

// The fields of the text: offsets of their first digits, and how many digits each has.
var contextFields = [...]struct{ at, digits int }{{3, 32}, {36, 16}, {53, 2}}

// TimeWithContext is the time of an Entry that carries a trace context: traceparent, a text, in
// front of time, which may be nil. It is time itself where the context is not sampled.
func TimeWithContext[T string | []byte](traceparent T, time []byte) ([]byte, error) {
	context, ok := parseTraceParent(traceparent)
	if !ok {
		return nil, ErrTraceParent
	}
	if context[contextBytes-1]&sampled == 0 {
		return time, nil
	}
	frame := make([]byte, 0, ContextSize+TimeSize)
	for _, b := range context {
		frame = append(frame, spaces[b>>6], spaces[b>>4&3], spaces[b>>2&3], spaces[b&3])
	}
	if time == nil {
		time = blank(false)
	}
	return append(frame, time...), nil
}

// UnsetTime is the time of an Entry in place of a time frame, to get the time of sending: nil, or the trace
// context of the frame.
func UnsetTime(frame []byte) []byte {
	if !HasTraceParent(frame) {
		return nil
	}
	return append(frame[:ContextSize:ContextSize], blank(false)...)
}

// parseTraceParent reads the text of a context.
func parseTraceParent[T string | []byte](text T) (context [contextBytes]byte, ok bool) {
	if len(text) != TraceParentSize || string(text[:3]) != "00-" || text[35] != '-' || text[52] != '-' {
		return context, false
	}
	at := context[:0]
	for _, f := range contextFields {
		digits := []byte(text[f.at : f.at+f.digits])
		for _, c := range digits {
			if c >= 'A' && c <= 'F' {
				return context, false
			}
		}
		n := len(at)
		var err error
		if at, err = hex.AppendDecode(at, digits); err != nil {
			return context, false
		}
		if len(at) < contextBytes && allZero(at[n:]) {
			return context, false
		}
	}
	return context, true
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}

// contextOf is the trace context in front of a time; ok is false where there is none.
func contextOf(number []byte) (context [contextBytes]byte, ok bool) {
	if len(number) <= ContextSize || !isSpace(number[0]) {
		return context, false
	}
	for i := range ContextSize / 8 {
		v, wrong := eightSpaces(load(number, 8*i))
		if wrong != 0 {
			return context, false
		}
		context[2*i], context[2*i+1] = byte(v>>8), byte(v)
	}
	v, wrong := eightSpaces(load(number, ContextSize-8))
	context[contextBytes-1] = byte(v)
	ok = wrong == 0 && v&sampled != 0 && !allZero(context[:16]) && !allZero(context[16:contextBytes-1])
	return context, ok
}

// HasTraceParent reports whether there is a trace context in front of a time (Parts.Number).
func HasTraceParent(number []byte) bool {
	_, ok := contextOf(number)
	return ok
}

// AppendTraceParent appends the text of the trace context in front of a time (Parts.Number), if there is one.
func AppendTraceParent(dst, number []byte) []byte {
	context, ok := contextOf(number)
	if !ok {
		return dst
	}
	dst = hex.AppendEncode(append(dst, "00-"...), context[:16])
	dst = hex.AppendEncode(append(dst, '-'), context[16:contextBytes-1])
	return hex.AppendEncode(append(dst, '-'), context[contextBytes-1:])
}
