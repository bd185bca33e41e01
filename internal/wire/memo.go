package wire

import "encoding/binary"

// StreamMemo remembers what the last messages were like, for the next ones are like them as
// a rule: of one of few streams, with data of the same shape, and the time of the
// message before to the letter. What is known is not looked at once more. It is for one
// goroutine at a time.
type StreamMemo struct {
	time    [TimeSize]byte
	ts      float64
	trailer trailer
	shapes  shapes
	streams [256]stream
	last    uint64 // the last Parts.Stream given away
}

// stream is the first two frames of a message, which were found to be JSON values.
type stream struct {
	frames []byte
	id     uint64
	plain  bool
}

// strings checks topic and origin.
func (m *StreamMemo) strings(p *Parts) error {
	s := &m.streams[StreamSlot(p.Topic)]
	if string(s.frames) == string(p.stream) {
		p.Stream, p.Plain = s.id, s.plain
		return nil
	}
	p.Plain = isPlainString(p.Topic) && isPlainString(p.Origin)
	switch {
	case !p.Plain && !Valid(p.Topic):
		return ErrTopic
	case !p.Plain && !Valid(p.Origin):
		return ErrOrigin
	}
	const most = 512 // bytes that are worth the memory
	if len(p.stream) <= most {
		m.last++
		p.Stream = m.last
		*s = stream{append(s.frames[:0], p.stream...), m.last, p.Plain}
	}
	return nil
}

// StreamSlot is where the streams of a topic, a JSON string, are remembered; those that
// share a place displace each other. Topics differ most at their ends.
func StreamSlot(topic []byte) uint8 {
	h := uint64(len(topic))
	if n := len(topic); n > 8 {
		h += binary.LittleEndian.Uint64(topic[n-9:])
	}
	return uint8(h * 0x9e3779b97f4a7c15 >> 56) // D. E. Knuth, The Art of Computer Programming 3, 6.4: multiplicative hashing
}

// parse is ParseTime.
func (m *StreamMemo) parse(frame []byte) (ts float64, seq Sequence, numbered, ok bool) {
	if len(frame) == TimeSize+TrailerSize && m.ts > 0 && m.isTime(frame) {
		if seq, numbered = m.trailer.parse(frame[TimeSize:]); numbered {
			return m.ts, seq, true, true
		}
	}
	if ts, seq, numbered, ok = ParseTime(frame); numbered && len(frame) == TimeSize+TrailerSize {
		m.ts = ts
		copy(m.time[:], frame)
	}
	return ts, seq, numbered, ok
}

// trailer is how the last one begins: as long as numbers are close to each other only
// the end of it differs.
type trailer struct {
	begin [2]uint64
	value Sequence // with nothing but zeros behind that
	known bool
}

// parse is parseTrailer.
func (t *trailer) parse(p []byte) (seq Sequence, ok bool) {
	if t.known && load(p, 0) == t.begin[0] && load(p, 8) == t.begin[1] {
		end, wrong := eightSpaces(load(p, 16))
		return Sequence{t.value.Incarnation, t.value.Number | uint32(end)}, wrong == 0
	}
	if seq, ok = parseTrailer(p); ok {
		*t = trailer{[2]uint64{load(p, 0), load(p, 8)}, Sequence{seq.Incarnation, seq.Number &^ 0xffff}, true}
	}
	return seq, ok
}

// isTime reports whether a frame begins with the time that is remembered.
func (m *StreamMemo) isTime(frame []byte) bool {
	return load(frame, 0) == load(m.time[:], 0) && load(frame, 8) == load(m.time[:], 8) && frame[16] == m.time[16]
}
