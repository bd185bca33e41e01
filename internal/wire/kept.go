package wire

import "github.com/hermes-zmq/hermes/internal/batch"

// mark stands between the time and the trailer of an envelope that comes out of a
// cache: it is old because its receiver is new, and not because anything is slow.
// To every parser of JSON it is white space, and a trailer behind it stays the last
// TrailerSize characters of the frame.
const mark = "\r\r\r\r"

// CacheMarkRoom is how many bytes a marked message may be longer than it was: the mark,
// and a header that changes from the short form to the long one.
const CacheMarkRoom = len(mark) + 7

// markAt is where the mark of a time frame begins, or -1.
func markAt(frame []byte) int {
	n := len(frame)
	if at := n - TrailerSize - len(mark); at > 0 && frame[at] == mark[0] && isMark(frame, at) {
		if _, numbered := parseTrailer(frame[n-TrailerSize:]); numbered {
			return at
		}
	}
	if at := n - len(mark); at > 0 && isMark(frame, at) {
		return at
	}
	return -1
}

// isMark reports that a mark begins at i, right behind a number.
func isMark(frame []byte, i int) bool {
	return string(frame[i:i+len(mark)]) == mark && !isSpace(frame[i-1])
}

// parseMarked is the number behind the mark at at, if there is one.
func parseMarked(frame []byte, at int) (seq Sequence, numbered bool) {
	if behind := frame[at+len(mark):]; len(behind) == TrailerSize {
		seq, numbered = parseTrailer(behind)
	}
	return seq, numbered
}

// TimeAt is where the time frame of an envelope begins in its framed message. ok is
// false where it is no envelope: four frames, of which the first is a JSON value and the
// last a time.
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

// AppendMarked appends an envelope whose time frame begins at at, with a mark.
func AppendMarked(dst, msg []byte, at int) []byte {
	frame, _, _, _ := batch.NextFrame(msg[at:])
	if markAt(frame) >= 0 {
		return append(dst, msg...)
	}
	number := len(frame)
	if _, _, numbered, _ := ParseTime(frame); numbered {
		number -= TrailerSize
	}
	behind := frame[number:]
	for isSpace(frame[number-1]) { // a mark stands right behind the number
		number--
	}
	dst = append(dst, msg[:at]...)
	dst = batch.AppendHeader(dst, number+len(mark)+len(behind), false)
	dst = append(dst, frame[:number]...)
	dst = append(dst, mark...)
	return append(dst, behind...)
}

// AppendRestamped appends a marked envelope as if it were sent just now: with a new
// time, its number, and no mark.
func AppendRestamped(dst, msg []byte, micros int64) []byte {
	at, _ := TimeAt(msg)
	frame, _, _, _ := batch.NextFrame(msg[at:])
	trailer := frame[markAt(frame)+len(mark):]
	dst = append(dst, msg[:at]...)
	dst = batch.AppendHeader(dst, TimeSize+len(trailer), false)
	dst = append(dst, make([]byte, TimeSize)...)
	PutTime(dst[len(dst)-TimeSize:], micros)
	return append(dst, trailer...)
}
