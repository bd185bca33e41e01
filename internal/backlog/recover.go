package backlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// recover reads what former openings have left. Only the newest segment can have an incomplete
// end, so only that one is read whole; damage in others is found when they are read.
func (q *Queue) recover() error {
	index, err := q.position.open(q.o.Dir)
	if err != nil {
		return err
	}
	firsts, err := listSegments(q.o.Dir)
	if err != nil {
		return err
	}
	for i, first := range firsts {
		if err := q.adopt(first, i == len(firsts)-1); err != nil {
			return err
		}
	}
	q.acked = index
	if len(firsts) > 0 && firsts[0] > index {
		// What is missing in front is lost, or the position is. Files that are set aside are not
		// missing: the reader counts their records as damaged.
		q.acked = firsts[0]
	}
	q.saved = index
	q.next = max(q.next, q.acked)
	q.judged = q.acked
	for len(q.segments) > 0 && (len(q.segments) == 1 && q.acked == q.next || len(q.segments) > 1 && q.segments[1].first <= q.acked) {
		q.dropOldest()
	}
	return q.beginSegment()
}

// listSegments gives the first indexes of the segments in a directory, in order.
func listSegments(dir string) (firsts []uint64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list its files: %w", err)
	}
	for _, e := range entries {
		if first, ok := firstOf(e.Name()); ok {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// adopt takes over a segment of a former opening.
func (q *Queue) adopt(first uint64, newest bool) error {
	s, err := openSegment(q.o.Dir, first)
	if errors.Is(err, errHeader) {
		return q.setAside(first, newest)
	}
	if err != nil {
		return err
	}
	s.full = true
	next := first
	if newest {
		if next, err = q.cutEnd(s); err != nil {
			_ = s.file.Close()
			return err
		}
	}
	q.segments = append(q.segments, s)
	q.bytes += s.size
	q.next = max(q.next, next)
	return nil
}

// setAside removes a segment whose header is damaged, if it can have no records, and otherwise
// gives it another name, so that it is not taken for one again.
func (q *Queue) setAside(first uint64, newest bool) error {
	name := filepath.Join(q.o.Dir, segmentName(first))
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if newest {
		// How many records it had is not known; indexes are not used again.
		q.next = max(q.next, first+uint64(info.Size())/recordHeader)
		q.stats.Torn++
	}
	if info.Size() <= segmentHeader {
		return os.Remove(name)
	}
	return os.Rename(name, name+".damaged")
}

// cutEnd cuts an incomplete end off a segment, and gives the index behind its last record.
func (q *Queue) cutEnd(s *segment) (next uint64, err error) {
	next = s.first
	p, err := s.read(make([]byte, s.size-segmentHeader), segmentHeader, s.size)
	if err != nil {
		return 0, fmt.Errorf("cannot read %s: %w", s.file.Name(), err)
	}
	at := 0
	for at < len(p) {
		index, _, size, _, valid := parseRecord(p[at:], s.seed)
		if !valid || index < next {
			skip, _, ok := findRecord(p[at:], s.seed, next)
			if !ok {
				break
			}
			at += skip
			continue
		}
		at, next = at+size, index+1
	}
	if at == len(p) {
		return next, nil
	}
	q.stats.Torn++
	s.size = segmentHeader + int64(at)
	if err := s.file.Truncate(s.size); err != nil {
		return 0, fmt.Errorf("cannot cut the incomplete end off %s: %w", s.file.Name(), err)
	}
	return next, nil
}
