package backlog

import "fmt"

// Room is how many bytes must be free in front of each message that is appended, for the header
// of its record.
const Room = recordHeader

// writtenBytes bounds how much is written at once.
const writtenBytes = 1 << 20

// appending is one Append under way: the records of buf from start on, whose ends are in pending,
// are numbered, and not written yet. The caller holds Queue.mu.
type appending struct {
	q       *Queue
	buf     []byte
	start   int
	pending []int
	taken   int
	err     error

	inOrder bool // nothing is taken behind a message that is not, and that is not counted
	stopped bool // in order: a message was not taken
}

// everFits reports whether a record of this size fits into an empty queue.
func (w *appending) everFits(size int64) bool {
	return size <= recordHeader+maxBody && size+2*segmentHeader <= w.q.o.MaxBytes
}

// drop counts a message that is not taken, or stops.
func (w *appending) drop(counter *uint64) {
	if w.inOrder {
		w.stopped = true
	} else {
		*counter++
	}
}

// add takes the message behind the room in buf[at:end], or counts it as dropped.
func (w *appending) add(at, end int) {
	q := w.q
	if w.admit(int64(end-at)) && !w.stopped { // it may have written what came before, in vain
		if len(w.pending) == 0 {
			w.start = at
		}
		putHeader(w.buf[at:end], q.active().seed, q.next+uint64(len(w.pending)))
		w.pending = append(w.pending, end)
		if w.size() >= writtenBytes {
			w.flush()
		}
		return
	}
	w.flush() // what is written together lies together
}

// size is how much is to be written.
func (w *appending) size() int64 {
	if n := len(w.pending); n > 0 {
		return int64(w.pending[n-1] - w.start)
	}
	return 0
}

// admit makes sure that there is a segment for a record of this size, or counts a message as
// dropped.
func (w *appending) admit(size int64) bool {
	q := w.q
	if size > recordHeader+maxBody {
		w.drop(&q.stats.DroppedFull)
		return false
	}
	s := q.active()
	if s != nil && (s.size+w.size()+size <= q.o.SegmentBytes || s.size+w.size() == segmentHeader) {
		return w.hasRoom(size)
	}
	w.flush()
	return w.hasRoom(size+segmentHeader) && w.roll()
}

// hasRoom reports whether size bytes more may be written, and counts a message for which there
// is no room.
func (w *appending) hasRoom(size int64) bool {
	q := w.q
	if q.bytes+w.size()+size <= q.o.MaxBytes {
		return true
	}
	// A segment of which everything is acknowledged may be what takes the room.
	w.flush()
	if s := q.active(); s != nil && q.acked == q.next && s.size > segmentHeader {
		if !w.roll() {
			return false
		}
	}
	if q.bytes+size <= q.o.MaxBytes {
		return true
	}
	w.drop(&q.stats.DroppedFull)
	return false
}

// roll begins another segment; if that fails, a message is counted.
func (w *appending) roll() bool {
	q := w.q
	if err := q.beginSegment(); err != nil && !q.renew() {
		w.err = err
		w.drop(&q.stats.DroppedError)
		return false
	}
	q.dropSegments()
	return true
}

// flush writes what is numbered, and counts what cannot be written.
func (w *appending) flush() {
	before := w.err
	w.write()
	if len(w.pending) > 0 && w.q.renew() {
		w.err = before
		w.write()
	}
	for range w.pending {
		w.drop(&w.q.stats.DroppedError)
	}
	w.pending = w.pending[:0]
}

// write writes what is numbered; what is left of it cannot be written. After an error the file ends
// with its last whole record.
func (w *appending) write() {
	q := w.q
	if len(w.pending) == 0 {
		return
	}
	s := q.active()
	n, err := q.writeAt(s.file, w.buf[w.start:w.pending[len(w.pending)-1]], s.size)
	whole := 0
	for whole < len(w.pending) && w.pending[whole]-w.start <= n {
		whole++
	}
	if whole > 0 {
		written := int64(w.pending[whole-1] - w.start)
		s.size += written
		q.bytes += written
		q.next += uint64(whole)
		w.taken += whole
		s.dirty, q.dirty = true, true
		w.start = w.pending[whole-1]
	}
	if err != nil {
		w.err = fmt.Errorf("cannot write %s: %w", s.file.Name(), err)
		if e := s.file.Truncate(s.size); e != nil {
			// The rest of the file is not known, so nothing is written behind it.
			s.full = true
		}
	}
	w.pending = w.pending[:copy(w.pending, w.pending[whole:])]
}

// renew puts an empty segment in the place of one that holds only what is acknowledged, and may be what
// fills the disk: the next one would not be begun there. It reports whether it did. The caller holds mu.
func (q *Queue) renew() bool {
	if len(q.segments) != 1 || q.acked < q.next || q.segments[0].first == q.next {
		return false
	}
	if q.save(); q.saved != q.acked { // without the file, only the position tells the next index
		return false
	}
	q.dropOldest()
	return q.beginSegment() == nil
}

// active is the segment that is written, or nil.
func (q *Queue) active() *segment {
	if n := len(q.segments); n > 0 && !q.segments[n-1].full {
		return q.segments[n-1]
	}
	return nil
}

// beginSegment makes the segment that is written from now on. The caller holds mu.
func (q *Queue) beginSegment() error {
	s, err := createSegment(q.o.Dir, q.run, q.next, q.writeAt)
	if err != nil {
		return err
	}
	if n := len(q.segments); n > 0 && q.segments[n-1].first == q.next { // it was empty, and has been replaced
		q.bytes -= q.segments[n-1].size
		_ = q.segments[n-1].file.Close()
		q.segments = q.segments[:n-1]
	}
	q.segments = append(q.segments, s)
	q.bytes += s.size
	s.dirty, q.dirty, q.named = true, true, true
	return nil
}
