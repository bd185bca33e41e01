package backlog

// Record is one message of a queue.
type Record struct {
	Run   uint64 // of the opening that wrote it
	Index uint64
	Body  []byte // a view, valid until the next call of the Reader
}

const chunk = 256 << 10

// Reader reads a queue in order. It may be ahead of what is acknowledged, and go back there.
type Reader struct {
	q   *Queue
	seg *segment
	at  int64  // offset in seg of buf
	buf []byte // unread part of what was read
	mem []byte // of buf
	due uint64 // index of the next record
}

// NewReader makes a reader that begins with the first message that is not acknowledged.
func (q *Queue) NewReader() *Reader {
	r := &Reader{q: q, mem: make([]byte, 0, chunk)}
	r.Rewind()
	return r
}

// Rewind goes back to the first message that is not acknowledged.
func (r *Reader) Rewind() {
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	r.due, r.seg, r.buf = r.q.acked, nil, nil
}

// Due is the index of the record that comes next. Those before it were given, acknowledged
// before, or damaged.
func (r *Reader) Due() uint64 { return r.due }

// Next gives the next record. ok is false where there is none at present.
func (r *Reader) Next() (rec Record, ok bool, err error) {
	for {
		if index, body, size, _, valid := parseRecord(r.buf, r.seed()); valid {
			r.advance(size)
			if index < r.due { // before the position
				continue
			}
			r.skipTo(index)
			r.due = index + 1
			return Record{Run: r.seg.run, Index: index, Body: body}, true, nil
		}
		if more, err := r.fill(); err != nil || !more {
			return Record{}, false, err
		}
	}
}

func (r *Reader) seed() uint32 {
	if r.seg == nil {
		return 0
	}
	return r.seg.seed
}

func (r *Reader) advance(n int) { r.at, r.buf = r.at+int64(n), r.buf[n:] }

// skipTo counts the records between the one that is due and index as damaged, once.
func (r *Reader) skipTo(index uint64) {
	if index <= r.due {
		return
	}
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	if from := max(r.due, r.q.judged); from < index {
		r.q.stats.Damaged += index - from
	}
	r.q.judged = max(r.q.judged, index)
	r.due = index
}

// fill reads on, behind what buf cannot give a record of. It reports whether Next should try
// again.
func (r *Reader) fill() (more bool, err error) {
	seg, size, behind, found := r.locate()
	if !found {
		r.skipTo(behind)
		return false, nil
	}
	if seg != r.seg {
		r.seg, r.at, r.buf = seg, segmentHeader, nil
		r.skipTo(min(seg.first, behind))
	}
	if r.at >= size {
		// This segment is read to its end; records that are due in it are missing.
		r.skipTo(behind)
		return r.due < r.end(), nil
	}
	_, _, need, whole, _ := parseRecord(r.buf, seg.seed)
	have := int64(len(r.buf))
	switch {
	case whole, r.at+int64(need) > size:
		return true, r.skipDamage(size, behind)
	case have > 0 && have >= size-r.at:
		return true, r.skipDamage(size, behind)
	}
	if cap(r.mem) < need {
		r.mem = make([]byte, 0, need)
	}
	r.buf, err = seg.read(r.mem[:0:max(min(cap(r.mem), chunk), need)], r.at, size)
	if err == nil && int64(len(r.buf)) <= have { // the file is shorter than it was
		err = r.skipDamage(size, behind)
	}
	return true, r.unlessGone(seg, err)
}

// unlessGone is err, or nil where the segment was removed meanwhile because everything in it is
// acknowledged.
func (r *Reader) unlessGone(seg *segment, err error) error {
	if err == nil {
		return nil
	}
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	if r.q.closed || r.q.holds(seg.file) {
		return err
	}
	r.seg, r.buf = nil, nil
	r.due = max(r.due, r.q.acked)
	return nil
}

// locate finds the segment with the record that is due, its size, and the index behind its last
// record. found is false where nothing is due.
func (r *Reader) locate() (seg *segment, size int64, behind uint64, found bool) {
	q := r.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || r.due >= q.next {
		return nil, 0, r.due, false
	}
	for i := len(q.segments) - 1; i >= 0; i-- {
		s := q.segments[i]
		behind = q.next
		if i+1 < len(q.segments) {
			behind = q.segments[i+1].first
		}
		if s.first <= r.due || i == 0 {
			return s, s.size, behind, true
		}
	}
	return nil, 0, q.next, false
}

func (r *Reader) end() uint64 {
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	return r.q.next
}

// skipDamage goes to the next valid record of the segment, or to its end.
func (r *Reader) skipDamage(size int64, behind uint64) error {
	rest, err := r.seg.read(make([]byte, size-r.at), r.at, size)
	if err != nil {
		return err
	}
	at, index, ok := findRecord(rest, r.seg.seed, r.due)
	if !ok || index >= behind {
		r.at, r.buf = size, nil
		return nil
	}
	r.at, r.buf = r.at+int64(at), rest[at:]
	return nil
}
