package wire

import "encoding/binary"

// StreamMemo remembers what Split has found in the last messages, because the next ones
// resemble them: they belong to one of few streams (a topic and an origin), their data
// match a template, and their times and numbers differ in the last characters only. What
// is equal to something remembered is not validated or parsed again; the result is the
// same with a fresh memo. It is for one goroutine at a time.
type StreamMemo struct {
	time      [TimeSize]byte // the last time, and
	ts        float64        // its value
	trailer   trailerMemo
	templates templates
	streams   [256]stream // by StreamSlot of the topic
	last      uint64      // the last Parts.Stream that was assigned
}

// stream is the first two frames of a message, which were valid.
type stream struct {
	frames []byte
	id     uint64
	plain  bool
	stays  int // how many others still pass before one of them takes its slot
}

// streamStays is the first value of stream.stays: where there are many streams, remembering each
// of them would cost more than validating it.
const streamStays = 4

// validateStream validates topic and origin.
func (m *StreamMemo) validateStream(p *Parts) error {
	s := &m.streams[StreamSlot(p.Topic)]
	if string(s.frames) == string(p.Names) {
		p.Stream, p.Plain, s.stays = s.id, s.plain, streamStays
		return nil
	}
	p.Plain = IsPlainString(p.Topic) && IsPlainString(p.Origin)
	switch {
	case !p.Plain && !Valid(p.Topic):
		return ErrTopic
	case !p.Plain && !Valid(p.Origin):
		return ErrOrigin
	}
	const most = 512 // bytes that are worth the memory
	switch {
	case len(p.Names) > most:
	case s.stays > 0:
		s.stays--
	default:
		m.last++
		p.Stream = m.last
		*s = stream{append(s.frames[:0], p.Names...), m.last, p.Plain, streamStays}
	}
	return nil
}

// StreamSlot is the slot of the streams of a topic, a JSON string, in a table of 256;
// streams of one slot displace each other. Topics differ most at their ends.
func StreamSlot(topic []byte) uint8 {
	h := uint64(len(topic))
	if n := len(topic); n > 8 {
		h += binary.LittleEndian.Uint64(topic[n-9:])
	}
	return uint8(h * 0x9e3779b97f4a7c15 >> 56) // D. E. Knuth, The Art of Computer Programming 3, 6.4: multiplicative hashing
}

// parseTime is ParseTime.
func (m *StreamMemo) parseTime(frame []byte) (ts float64, seq Sequence, numbered, ok bool) {
	if len(frame) == TimeSize+TrailerSize && m.ts > 0 && m.sameTime(frame) {
		if seq, numbered = m.trailer.parse(frame[TimeSize:]); numbered {
			return m.ts, seq, true, true
		}
	}
	if len(frame) == ContextSize+TimeSize+TrailerSize && HasTraceParent(frame) {
		return m.parseTime(frame[ContextSize:])
	}
	if ts, seq, numbered, ok = ParseTime(frame); numbered && len(frame) == TimeSize+TrailerSize {
		m.ts = ts
		copy(m.time[:], frame)
	}
	return ts, seq, numbered, ok
}

// sameTime reports whether a frame begins with the time that is remembered.
func (m *StreamMemo) sameTime(frame []byte) bool {
	return load(frame, 0) == load(m.time[:], 0) && load(frame, 8) == load(m.time[:], 8) && frame[16] == m.time[16]
}

// trailerMemo remembers the first 16 of the 24 characters of a trailer: numbers that are
// close to each other differ in the others only.
type trailerMemo struct {
	begin [2]uint64
	value Sequence // with zeros for the others
	known bool
}

// parse is parseTrailer.
func (t *trailerMemo) parse(p []byte) (seq Sequence, ok bool) {
	if t.known && load(p, 0) == t.begin[0] && load(p, 8) == t.begin[1] {
		end, wrong := eightSpaces(load(p, 16))
		return Sequence{t.value.Incarnation, t.value.Number | uint32(end)}, wrong == 0
	}
	if seq, ok = parseTrailer(p); ok {
		*t = trailerMemo{[2]uint64{load(p, 0), load(p, 8)}, Sequence{seq.Incarnation, seq.Number &^ 0xffff}, true}
	}
	return seq, ok
}
