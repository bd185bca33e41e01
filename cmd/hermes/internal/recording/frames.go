package recording

import (
	"strconv"
	"strings"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// An envelope in a file: its channel has topic, origin and run, which do not change; the message
// has the data, as they are, the number and the time of sending. So other programs see a channel
// of JSON. A time frame that hermes writes can be made again of these (form "stamp"). Any other
// frame, of an older sender or out of a cache, stands behind the data as white space, which JSON
// allows there (form "space"):
//
//	offset  size  meaning
//	0       n     data
//	n       4m    time frame: each byte is 4 characters, of 2 bits each, the most significant first
//	n+4m    16    m, likewise 4 bytes, the most significant first
//
//	character  ' '  '\t'  '\n'  '\r'
//	bits       00   01    10    11
const (
	formStamp = "stamp"
	formSpace = "space"
)

// The keys of a channel's metadata, and the kinds of channels.
const (
	keyKind        = "hermes" // what a message of the channel is
	keyOrigin      = "origin"
	keyRun         = "run" // of the publisher; absent where it does not number
	keyTime        = "time"
	keyTopicFrame  = "topic_frame"  // where it is not the JSON that hermes makes of the topic
	keyOriginFrame = "origin_frame" // likewise

	kindEnvelope = "envelope" // the data of an envelope
	kindFrames   = "frames"   // all four frames, in ZMTP framing: of streams for which there is no number left
	kindLost     = "lost"     // a Loss

	encodingJSON   = "json"
	encodingFrames = "zmtp"

	topicLost   = "$hermes/lost"
	topicFrames = "$hermes/frames"
)

// Frames are the four frames of an envelope, as they came.
type Frames struct{ Topic, Origin, Data, Time []byte }

// split finds them in a message in ZMTP framing, which is an envelope, as views. ok is false where
// it is none.
func (f *Frames) split(message []byte) (ok bool) {
	var more bool
	for i, frame := range [...]*[]byte{&f.Topic, &f.Origin, &f.Data, &f.Time} {
		if *frame, message, more, ok = batch.NextFrame(message); !ok || more != (i < 3) {
			return false
		}
	}
	return len(message) == 0
}

// appendTo appends them as one message in ZMTP framing.
func (f *Frames) appendTo(dst []byte) []byte {
	for i, body := range [...][]byte{f.Topic, f.Origin, f.Data, f.Time} {
		dst = append(batch.AppendHeader(dst, len(body), i < 3), body...)
	}
	return dst
}

const stampSize = wire.TimeSize + wire.TrailerSize

// stampOf reads a time frame that hermes writes. ok is false for others.
func stampOf(frame []byte) (micros int64, seq wire.Sequence, numbered, ok bool) {
	if len(frame) != wire.TimeSize && len(frame) != stampSize {
		return 0, seq, false, false
	}
	for i, c := range frame[:wire.TimeSize] {
		switch {
		case i == 10:
			continue
		case c-'0' <= 9:
			micros = micros*10 + int64(c-'0')
		case c != ' ' || micros != 0:
			return 0, seq, false, false
		}
	}
	var back [stampSize]byte
	wire.PutTime(back[:], micros)
	if len(frame) == stampSize {
		if seq, numbered = wire.SequenceOf(frame); !numbered {
			return 0, seq, false, false
		}
		wire.PutTrailer(back[wire.TimeSize:], seq)
	}
	return micros, seq, numbered, string(back[:len(frame)]) == string(frame)
}

// appendStamp makes that frame again.
func appendStamp(dst []byte, micros int64, seq wire.Sequence, numbered bool) []byte {
	var frame [stampSize]byte
	wire.PutTime(frame[:], micros)
	if !numbered {
		return append(dst, frame[:wire.TimeSize]...)
	}
	wire.PutTrailer(frame[wire.TimeSize:], seq)
	return append(dst, frame[:]...)
}

const spaces = " \t\n\r"

func appendSpaces(dst []byte, frame ...byte) []byte {
	for _, c := range frame {
		dst = append(dst, spaces[c>>6], spaces[c>>4&3], spaces[c>>2&3], spaces[c&3])
	}
	return dst
}

// appendHidden appends data and a time frame in the form space.
func appendHidden(dst, data, frame []byte) []byte {
	n := len(frame)
	dst = appendSpaces(append(dst, data...), frame...)
	return appendSpaces(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// splitHidden takes the form space apart.
func splitHidden(p []byte) (data, frame []byte, ok bool) {
	const tail = 4 * 4
	if len(p) < tail {
		return nil, nil, false
	}
	size, ok := readSpaces(p[len(p)-tail:])
	if !ok {
		return nil, nil, false
	}
	n := int64(size[0])<<24 | int64(size[1])<<16 | int64(size[2])<<8 | int64(size[3])
	at := int64(len(p)-tail) - 4*n
	if at < 0 {
		return nil, nil, false
	}
	frame, ok = readSpaces(p[at : len(p)-tail])
	return p[:at:at], frame, ok
}

func readSpaces(p []byte) ([]byte, bool) {
	out := make([]byte, len(p)/4)
	for i := range out {
		for _, c := range p[4*i : 4*i+4] {
			bits := strings.IndexByte(spaces, c)
			if bits < 0 {
				return nil, false
			}
			out[i] = out[i]<<2 | byte(bits)
		}
	}
	return out, true
}

// stream is what the channel of an envelope says about it.
type stream struct {
	kind          string
	topic, origin string // decoded
	frames        Frames // of topic and origin
	run           uint16
	numbered      bool
	form          string
}

// channel describes a stream in a file.
func (s *stream) channel(id, schema uint16) *mcap.Channel {
	c := &mcap.Channel{ID: id, SchemaID: schema, Topic: strings.ToValidUTF8(s.topic, "\ufffd"), Encoding: encodingJSON,
		Metadata: map[string]string{keyKind: kindEnvelope, keyOrigin: strings.ToValidUTF8(s.origin, "\ufffd"), keyTime: s.form}}
	if s.numbered {
		c.Metadata[keyRun] = strconv.Itoa(int(s.run))
	}
	for key, text := range map[string]struct {
		text  string
		frame []byte
	}{keyTopicFrame: {c.Topic, s.frames.Topic}, keyOriginFrame: {c.Metadata[keyOrigin], s.frames.Origin}} {
		if made, err := wire.AppendString(nil, text.text); err != nil || string(made) != string(text.frame) {
			c.Metadata[key] = string(text.frame)
		}
	}
	return c
}

// streamOf reads what channel describes. ok is false for channels of other programs that are not JSON.
func streamOf(c *mcap.Channel) (s stream, ok bool) {
	s.kind, s.topic, s.origin, s.form = c.Metadata[keyKind], c.Topic, c.Metadata[keyOrigin], c.Metadata[keyTime]
	switch s.kind {
	case kindFrames, kindLost:
		return s, true
	case kindEnvelope:
		if run, err := strconv.ParseUint(c.Metadata[keyRun], 10, 16); err == nil {
			s.run, s.numbered = uint16(run), true
		}
	default: // of another program
		if s.kind, s.form = kindEnvelope, formStamp; c.Encoding != encodingJSON {
			return s, false
		}
	}
	s.frames.Topic = frameOr(c.Metadata[keyTopicFrame], s.topic)
	s.frames.Origin = frameOr(c.Metadata[keyOriginFrame], s.origin)
	return s, wire.Valid(s.frames.Topic) && wire.Valid(s.frames.Origin)
}

// frameOr is a frame as it is given, or made of a text.
func frameOr(frame, text string) []byte {
	if frame != "" {
		return []byte(frame)
	}
	made, err := wire.AppendString(nil, text)
	if err != nil {
		return nil
	}
	return made
}
