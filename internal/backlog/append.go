package backlog

import "fmt"

// keptScratch bounds the buffer for records that is used again.
const keptScratch = 1 << 20

// appending is one Append under way. Records are collected and written together. The caller
// holds Queue.mu.
type appending struct {
	q       *Queue
	pending []int // ends of the records in q.scratch, which is not written yet
	taken   int
	err     error
}

// add takes one message, or counts it as dropped.
func (w *appending) add(body []byte) {
	q := w.q
	size := int64(recordHeader + len(body))
	if len(body) > maxBody {
		q.stats.DroppedFull++
		return
	}
	if s := q.active(); s == nil || w.end(s)+size > q.o.SegmentBytes && w.end(s) > segmentHeader {
		w.flush()
		if !w.hasRoom(size+segmentHeader) || !w.roll() {
			return
		}
	} else if !w.hasRoom(size) {
		return
	}
	q.scratch = appendRecord(q.scratch, q.active().seed, q.next+uint64(len(w.pending)), body)
	w.pending = append(w.pending, len(q.scratch))
}

// end is how long the segment will be when everything is written.
func (w *appending) end(s *segment) int64 { return s.size + int64(len(w.q.scratch)) }

// hasRoom reports whether size bytes more may be written, and counts a message for which there
// is no room.
func (w *appending) hasRoom(size int64) bool {
	q := w.q
	if q.bytes+int64(len(q.scratch))+size <= q.o.MaxBytes {
		return true
	}
	// A segment of which everything is acknowledged may be what takes the room.
	w.flush()
	if s := q.active(); s != nil && q.acked == q.next && s.size > segmentHeader && w.roll() && q.bytes+size <= q.o.MaxBytes {
		return true
	}
	q.stats.DroppedFull++
	return false
}

// roll begins another segment; if that fails, a message is counted.
func (w *appending) roll() bool {
	q := w.q
	if err := q.beginSegment(); err != nil {
		w.err = err
		q.stats.DroppedError++
		return false
	}
	q.dropSegments()
	return true
}

// flush writes what is collected. After an error the file ends with its last whole record.
func (w *appending) flush() {
	q := w.q
	if len(w.pending) == 0 {
		return
	}
	s := q.active()
	n, err := q.writeAt(s.file, q.scratch, s.size)
	whole := 0
	for whole < len(w.pending) && w.pending[whole] <= n {
		whole++
	}
	if whole > 0 {
		s.size += int64(w.pending[whole-1])
		q.bytes += int64(w.pending[whole-1])
		q.next += uint64(whole)
		w.taken += whole
		s.dirty, q.dirty = true, true
	}
	if err != nil {
		w.err = fmt.Errorf("cannot write %s: %w", s.file.Name(), err)
		q.stats.DroppedError += uint64(len(w.pending) - whole)
		if e := s.file.Truncate(s.size); e != nil {
			// The rest of the file is not known, so nothing is written behind it.
			s.full = true
		}
	}
	q.scratch, w.pending = q.scratch[:0], w.pending[:0]
	if cap(q.scratch) > keptScratch {
		q.scratch = nil
	}
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
