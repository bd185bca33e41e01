package wire

import (
	"errors"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// Envelopes are written in two steps: Append and AppendEntry write a message with a blank
// time into a batch, as early as possible; Stamp and Number fill in time and trailer of all
// messages of the batch when it is sent. A blank time has the size of the real one, so nothing
// moves.
//
// Envelopes are read in one step: Split finds the four frames, validates them, with the help
// of a StreamMemo, and returns views of them. A batch is guarded by its owner; a StreamMemo is
// for one goroutine.

// ErrJSON says that data is not one JSON value.
var ErrJSON = errors.New("not one JSON value")

// frameCount is the number of frames of an envelope.
const frameCount = 4

// Append adds an envelope to b. topic is text, origin an encoded JSON string (see
// AppendString), data one JSON value that the caller has validated. Stamp fills in its
// time later, and Number its trailer if it is numbered. On error b is as it was.
func Append[T string | []byte](b *batch.Batch, topic T, origin, data []byte, numbered bool) error {
	if err := appendTopic(b, topic); err != nil {
		b.Abandon()
		return err
	}
	b.AppendFrame(origin, true)
	b.AppendFrame(data, true)
	appendBlankTime(b, numbered)
	return nil
}

// AppendEntry is Append for an Entry; a time of its own is sent as it is.
func AppendEntry(b *batch.Batch, e Entry, numbered bool) {
	b.AppendFrame(e.Topic, true)
	b.AppendFrame(e.Origin, true)
	b.AppendFrame(e.Data, true)
	if e.Time == nil {
		appendBlankTime(b, numbered)
		return
	}
	n := len(e.Time)
	trailer := blank(numbered)[TimeSize:]
	b.Buf = batch.AppendHeader(b.Buf, n+len(trailer), false)
	b.Buf = append(append(b.Buf, e.Time...), trailer...)
	b.EndMessage()
}

// appendTopic encodes straight into the batch: a plain topic's size is known
// beforehand, any other is encoded aside first.
func appendTopic[T string | []byte](b *batch.Batch, topic T) error {
	if isPlain(topic) {
		b.Buf = batch.AppendHeader(b.Buf, len(topic)+2, true)
		b.Buf = append(b.Buf, '"')
		b.Buf = append(b.Buf, topic...)
		b.Buf = append(b.Buf, '"')
		return nil
	}
	var room [128]byte
	encoded, err := AppendString(room[:0], topic)
	if err != nil {
		return err
	}
	b.AppendFrame(encoded, true)
	return nil
}

// blankTime is what Stamp replaces: a valid frame even without that. No time of an Entry
// looks like it, because those have no white space around them.
var blankTime = func() (t [TimeSize + TrailerSize]byte) {
	PutTime(t[:], 0)
	PutTrailer(t[TimeSize:], Sequence{})
	return
}()

func appendBlankTime(b *batch.Batch, numbered bool) {
	b.AppendFrame(blank(numbered), false)
}

func blank(numbered bool) []byte {
	if numbered {
		return blankTime[:]
	}
	return blankTime[:TimeSize]
}

// Overhead is the most that Append adds to a plain topic, an encoded origin and data.
const Overhead = 3*9 + len(`""`) + 2 + TimeSize + TrailerSize

// LastFrame is what Append ends a message with, its header included.
func LastFrame(numbered bool) []byte {
	body := blank(numbered)
	return append(batch.AppendHeader(nil, len(body), false), body...)
}

// Stamp fills in the time of all messages of a batch that Append wrote, except where an
// Entry had its own.
func Stamp(b *batch.Batch, micros int64, numbered bool) {
	n := TimeSize
	if numbered {
		n += TrailerSize
	}
	var text [TimeSize]byte
	PutTime(text[:], micros)
	unset := [TimeSize]byte(blankTime[:])
	for _, end := range b.Ends {
		// A message with a short time of its own may be shorter than n.
		if at := end - n; at >= 0 && [TimeSize]byte(b.Buf[at:]) == unset {
			*(*[TimeSize]byte)(b.Buf[at:]) = text
		}
	}
}

// Number fills in the trailer of message i of a batch that Append wrote numbered.
func Number(b *batch.Batch, i int, s Sequence) {
	PutTrailer(b.Buf[b.Ends[i]-TrailerSize:], s)
}

// Parts are the frames of a received envelope, as views.
type Parts struct {
	Topic, Origin []byte  // JSON values: strings, as a rule
	Data          []byte  // one JSON value
	Number        []byte  // the time as it was written, without the trailer; see AppendTraceParent
	TS            float64 // in seconds since 1970; 0 means the time of arrival, see ParseTime
	Sequence      Sequence
	Numbered      bool // whether there was a trailer, and Sequence is set
	Plain         bool // whether topic and origin are strings without escapes
	Cached        bool // it comes from a cache, and may be old
	// Stream is the same number for messages of the same topic and origin that follow
	// each other closely, and differs between streams that the same StreamMemo has seen.
	// 0 is unknown.
	Stream uint64

	Names []byte // topic and origin as frames, which tell streams apart
}

// The errors of Split.
var (
	ErrFrames = errors.New("not four frames")
	ErrTopic  = errors.New("the topic is not one JSON value")
	ErrOrigin = errors.New("the origin is not one JSON value")
	ErrData   = errors.New("the data is not one JSON value")
	ErrTime   = errors.New("the time is not a JSON number, nor a text of one")
)

// Split takes a framed message apart and validates all of it.
func Split(msg []byte, memo *StreamMemo) (p Parts, err error) {
	err = p.Split(msg, memo)
	return p, err
}

// Split is the same without copying the parts.
func (p *Parts) Split(msg []byte, memo *StreamMemo) error {
	*p = Parts{}
	number, ok := p.frames(msg)
	if !ok {
		return ErrFrames
	}
	if err := memo.validateStream(p); err != nil {
		return err
	}
	if !memo.templates.valid(p.Data) {
		return ErrData
	}
	if p.TS, p.Sequence, p.Numbered, ok = memo.parseTime(number); !ok {
		return ErrTime
	}
	p.Number = number
	if p.Numbered {
		p.Number = number[:len(number)-TrailerSize]
	} else if at := cacheMarkAt(number); at >= 0 {
		p.Cached, p.Number = true, number[:at]
		p.Sequence, p.Numbered = parseMarked(number, at)
	}
	return nil
}

// NamesOf is the first two frames of a message, topic and origin, and the topic. Of a message that
// is no envelope it is all.
func NamesOf(msg []byte) (names, topic []byte) {
	if end, ok := batch.ShortEnd(msg, 0); ok {
		if both, ok := batch.ShortEnd(msg, end); ok {
			return msg[:both], msg[batch.ShortHeader:end]
		}
	}
	topic, rest, _, _ := batch.NextFrame(msg)
	_, rest, _, _ = batch.NextFrame(rest)
	return msg[:len(msg)-len(rest)], topic
}

// frames finds the four frames of a message and returns the last one, the time. As a
// rule they are all short.
func (p *Parts) frames(msg []byte) (number []byte, ok bool) {
	const head = batch.ShortHeader
	topic, ok1 := batch.ShortEnd(msg, 0)
	origin, ok2 := batch.ShortEnd(msg, topic)
	data, ok3 := batch.ShortEnd(msg, origin)
	if !ok1 || !ok2 || !ok3 || len(msg)-data < head || msg[data] != 0 {
		return p.anyFrames(msg)
	}
	p.Topic, p.Origin, p.Data = msg[head:topic:topic], msg[topic+head:origin:origin], msg[origin+head:data:data]
	p.Names, number = msg[:origin], msg[data+head:]
	return number, len(number) == int(msg[data+1])
}

func (p *Parts) anyFrames(msg []byte) (number []byte, ok bool) {
	var frames [frameCount][]byte
	rest := msg
	for i := range frames {
		if i == 2 {
			p.Names = msg[:len(msg)-len(rest)]
		}
		var more bool
		if frames[i], rest, more, ok = batch.NextFrame(rest); !ok || more != (i < frameCount-1) {
			return nil, false
		}
	}
	p.Topic, p.Origin, p.Data = frames[0], frames[1], frames[2]
	return frames[3], len(rest) == 0
}
