package wire

import "github.com/hermes-zmq/hermes/internal/batch"

// The cache mark stands in the time frame of an envelope that comes from a cache: it is
// old because its receiver is new, and is exempt from the age check.
//
//	offset  size     meaning
//	0       n        the time, without white space at its end
//	n       4        cache mark: four carriage returns
//	n+4     0 or 24  trailer
//
// To every JSON parser the mark is white space, and a trailer stays the last TrailerSize
// characters of the frame (docs/wire.md, "The mark of the cache").
const cacheMark = "\r\r\r\r"

// CacheMarkRoom is how many bytes a marked message may be longer than it was: the mark,
// and a header that changes from the short form to the long one.
const CacheMarkRoom = len(cacheMark) + 7

// cacheMarkAt is the offset of the cache mark in a time frame, or -1.
func cacheMarkAt(frame []byte) int {
	n := len(frame)
	if at := n - TrailerSize - len(cacheMark); at > 0 && frame[at] == cacheMark[0] && isMark(frame, at) {
		if _, numbered := parseTrailer(frame[n-TrailerSize:]); numbered {
			return at
		}
	}
	if at := n - len(cacheMark); at > 0 && isMark(frame, at) {
		return at
	}
	return -1
}

// isMark reports that a cache mark begins at i, right behind the time.
func isMark(frame []byte, i int) bool {
	return string(frame[i:i+len(cacheMark)]) == cacheMark && !isSpace(frame[i-1])
}

// parseMarked is the sequence behind the cache mark at at, if there is one.
func parseMarked(frame []byte, at int) (seq Sequence, numbered bool) {
	if behind := frame[at+len(cacheMark):]; len(behind) == TrailerSize {
		seq, numbered = parseTrailer(behind)
	}
	return seq, numbered
}

// TimeAt is the offset of the time frame in a framed message. ok is false where the
// message is not an envelope: four frames, of which the first is a JSON value and the last
// a time.
func TimeAt(msg []byte) (at int, ok bool) {
	rest := msg
	var body []byte
	var more, whole bool
	for i := range frameCount {
		at = len(msg) - len(rest)
		body, rest, more, whole = batch.NextFrame(rest)
		if !whole || more != (i < frameCount-1) || i == 0 && !ValidString(body) && !Valid(body) {
			return 0, false
		}
	}
	_, _, _, ok = ParseTime(body)
	return at, ok
}

// AppendMarked appends an envelope whose time frame begins at at, with a cache mark.
func AppendMarked(dst, msg []byte, at int) []byte {
	frame, _, _, _ := batch.NextFrame(msg[at:])
	if cacheMarkAt(frame) >= 0 {
		return append(dst, msg...)
	}
	number := len(frame)
	if _, _, numbered, _ := ParseTime(frame); numbered {
		number -= TrailerSize
	}
	behind := frame[number:]
	for isSpace(frame[number-1]) { // the mark stands right behind the time
		number--
	}
	dst = append(dst, msg[:at]...)
	dst = batch.AppendHeader(dst, number+len(cacheMark)+len(behind), false)
	dst = append(dst, frame[:number]...)
	dst = append(dst, cacheMark...)
	return append(dst, behind...)
}

// AppendRestamped appends a marked envelope with the time micros, in microseconds since
// 1970, and without its mark. A trace context stays.
func AppendRestamped(dst, msg []byte, micros int64) []byte {
	at, _ := TimeAt(msg)
	frame, _, _, _ := batch.NextFrame(msg[at:])
	mark := cacheMarkAt(frame)
	trailer := frame[mark+len(cacheMark):]
	var context []byte
	if HasTraceParent(frame[:mark]) {
		context = frame[:ContextSize]
	}
	dst = append(dst, msg[:at]...)
	dst = batch.AppendHeader(dst, len(context)+TimeSize+len(trailer), false)
	dst = append(dst, context...)
	dst = append(dst, make([]byte, TimeSize)...)
	PutTime(dst[len(dst)-TimeSize:], micros)
	return append(dst, trailer...)
}
