// Package backlog is a queue of messages on disk, in the order in which they came, from which
// a message is removed only when it is acknowledged. It hides the format of its files and what
// is done about damaged ones.
//
// The messages lie in segment files, each named for the index of its first record; indexes
// count all messages that were ever taken, from 0, and a directory never gives one twice. Each
// opening of a directory begins a segment, under a random number, its run. How far messages
// are acknowledged is in the file "position". segment.go, record.go and position.go have the
// formats.
//
// Bound: the files take at most Options.MaxBytes. A message without room is refused and
// counted (DroppedFull), because older ones have been accepted already. One that cannot be
// written is counted too (DroppedError), and the file is as it was before.
//
// What a crash costs: Append returns when the kernel has the messages, so nothing is lost when
// this process is killed. A goroutine calls fsync each SyncEvery while messages wait and no
// acknowledgements come; while they do, each tenth time, because what waits is about to be
// acknowledged, and the disk is needed by the server on this machine. So a machine that loses power
// loses at most the messages of that time that were not acknowledged. Positions are written later than
// acknowledgements come, so the last ones acknowledged may be given again.
//
// Damage: at the end of the newest file it is the trace of a crash, and cut off (Torn). Anywhere
// else the reader skips it to the next valid record, and counts the records that are missing
// (Damaged). A checksum begins with the run, which publishers do not know, so no content of a
// message is taken for a record.
//
// A directory has one Queue: a lock (flock) keeps other processes out. Queue.mu guards all of
// a Queue; no other lock is taken with it held, and fsync is called without it. A Reader is for
// one goroutine.
package backlog

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/random"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// Options say where a queue is and how much it may take.
type Options struct {
	Dir          string        // made if it does not exist
	MaxBytes     int64         // of all files; 1 GiB by default
	SegmentBytes int64         // at which another file is begun; by default 16 MiB, or an eighth of MaxBytes if that is less
	SyncEvery    time.Duration // between calls of fsync; 1 s by default

	fsync func(*os.File) error // (*os.File).Sync, except in tests
}

const (
	defaultBytes   = 1 << 30
	defaultSegment = 16 << 20
	smallestBytes  = 64 << 10
	smallest       = 4 << 10 // segment

	// savedEvery is how many messages are acknowledged between two writes of the position,
	// unless the goroutine that calls fsync comes first.
	savedEvery = 1024

	// syncedAtLeast is how many times SyncEvery passes between calls of fsync while
	// acknowledgements come.
	syncedAtLeast = 10
)

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, fmt.Errorf("backlog: no directory is given")
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultBytes
	}
	if o.MaxBytes < smallestBytes {
		return o, fmt.Errorf("backlog %s: %d bytes are too few; give it %d or more", o.Dir, o.MaxBytes, smallestBytes)
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = min(defaultSegment, o.MaxBytes/8)
	}
	o.SegmentBytes = max(o.SegmentBytes, smallest)
	if o.SyncEvery <= 0 {
		o.SyncEvery = time.Second
	}
	if o.fsync == nil {
		o.fsync = (*os.File).Sync
	}
	return o, nil
}

// Stats are the counters of a queue since it was opened, and what it holds.
type Stats struct {
	Waiting      uint64 // messages not acknowledged
	WaitingBytes int64  // size of the files that hold them; 0 if none waits
	Appended     uint64
	DroppedFull  uint64 // there was no room
	DroppedError uint64 // writing has failed
	Damaged      uint64 // records that could not be read
	Torn         uint64 // ends of files that a crash had left incomplete
	SyncErrors   uint64 // calls of fsync that have failed
}

// Queue is the backlog in one directory. Its methods may be called from any goroutine.
type Queue struct {
	o    Options
	lock *os.File
	run  uint64 // of this opening

	mu        sync.Mutex
	segments  []*segment // oldest first; the last one is written
	next      uint64     // index of the next message
	acked     uint64     // index of the first message that is not acknowledged
	bytes     int64      // of all segments
	position  position
	saved     uint64 // acked, as the file has it
	dirty     bool   // written since the last fsync
	named     bool   // a file was made since the last fsync of the directory
	old       uint64 // acked, when fsync was considered last
	ticks     int    // since the last fsync
	judged    uint64 // records before this index are in stats.Damaged if they are damaged
	stats     Stats
	lastError error
	pending   []int // of appending, to use its memory again
	closed    bool

	writeAt func(*os.File, []byte, int64) (int, error) // (*os.File).WriteAt, except in tests

	stop, stopped chan struct{} // of the goroutine that calls fsync
}

// Open takes over a directory, and recovers what is there.
func Open(o Options) (*Queue, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("backlog: cannot make its directory: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	q := &Queue{o: o, lock: lock, run: random.Uint64(), writeAt: (*os.File).WriteAt,
		stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := q.recover(); err != nil {
		q.release()
		return nil, fmt.Errorf("backlog %s: %w", o.Dir, err)
	}
	safe.Go(q.fail, q.syncLoop)
	return q, nil
}

// fail takes in a panic of the goroutine that calls fsync.
func (q *Queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.SyncErrors++
	q.lastError = err
}

// Run is the number under which this opening writes.
func (q *Queue) Run() uint64 { return q.run }

// Append adds messages: in buf, each behind Room bytes that Append writes, and ending at one of
// ends. It gives how many it has taken; the others are counted. The error is why the last one
// could not be written.
func (q *Queue) Append(buf []byte, ends []int) (taken int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, os.ErrClosed
	}
	w := appending{q: q, buf: buf, pending: q.pending[:0]}
	start := 0
	for _, end := range ends {
		w.add(start, end)
		start = end
	}
	w.flush()
	q.pending = w.pending
	if w.err != nil {
		q.lastError = w.err
	}
	q.stats.Appended += uint64(w.taken)
	return w.taken, w.err
}

// AppendInOrder is Append for messages that are to wait for room: it stops at the first that there is no
// room for, or that cannot be written, counts neither that nor those behind it, and gives how many
// messages it has dealt with. Those that would not even fit into an empty queue it counts, as Append does.
func (q *Queue) AppendInOrder(buf []byte, ends []int) (dealt int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, os.ErrClosed
	}
	w := appending{q: q, buf: buf, pending: q.pending[:0], inOrder: true}
	start, skipped := 0, 0
	for _, end := range ends {
		if !w.everFits(int64(end - start)) {
			if w.flush(); w.stopped {
				break
			}
			q.stats.DroppedFull++
			skipped++
		} else if w.add(start, end); w.stopped {
			break
		}
		start = end
	}
	w.flush()
	q.pending = w.pending
	if w.err != nil {
		q.lastError = w.err
	}
	q.stats.Appended += uint64(w.taken)
	return w.taken + skipped, w.err
}

// Ack removes all messages before index next.
func (q *Queue) Ack(next uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if next = min(next, q.next); q.closed || next <= q.acked {
		return
	}
	q.acked = next
	if q.acked-q.saved >= savedEvery {
		q.save()
	}
	q.dropSegments()
}

// Indexes gives the index of the first message that is not acknowledged, and next that of the one
// that is appended next.
func (q *Queue) Indexes() (first, next uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.acked, q.next
}

// Stats gives the counters.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	if s.Waiting = q.next - q.acked; s.Waiting > 0 {
		s.WaitingBytes = q.bytes
	}
	return s
}

// Err is the last error of writing, or nil.
func (q *Queue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lastError
}

// Close writes the position, calls fsync, and gives the directory back. If everything is
// acknowledged, no segment is left.
func (q *Queue) Close() error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	q.mu.Unlock()
	close(q.stop)
	<-q.stopped

	q.mu.Lock()
	defer q.mu.Unlock()
	q.save()
	err := q.o.fsync(q.position.file)
	if q.acked == q.next && err == nil {
		for len(q.segments) > 0 {
			q.dropOldest()
		}
	}
	for _, s := range q.segments {
		if e := q.o.fsync(s.file); e != nil && err == nil {
			err = e
		}
	}
	if e := q.syncDir(); e != nil && err == nil {
		err = e
	}
	q.release()
	if err != nil {
		return fmt.Errorf("backlog %s: what waits may not be safe on disk: %w", q.o.Dir, err)
	}
	return nil
}

// release closes all files, and with the last one gives up the lock.
func (q *Queue) release() {
	for _, s := range q.segments {
		_ = s.file.Close()
	}
	q.segments = nil
	q.position.close()
	_ = q.lock.Close()
}

// save writes the position. The caller holds mu.
func (q *Queue) save() {
	if q.saved == q.acked {
		return
	}
	if err := q.position.write(q.acked); err != nil {
		q.lastError = fmt.Errorf("cannot write its position: %w", err)
		return
	}
	q.saved = q.acked
}

// dropSegments removes the files of which everything is acknowledged, except the one that is
// written. The caller holds mu.
func (q *Queue) dropSegments() {
	for len(q.segments) > 1 && q.segments[1].first <= q.acked {
		q.dropOldest()
	}
}

// dropOldest removes the oldest file. The caller holds mu. A file that cannot be removed is
// found again at the next opening, and removed then.
func (q *Queue) dropOldest() {
	s := q.segments[0]
	q.segments = q.segments[1:]
	q.bytes -= s.size
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}

// syncLoop calls fsync from time to time until Close.
func (q *Queue) syncLoop() {
	defer close(q.stopped)
	ticker := time.NewTicker(q.o.SyncEvery)
	defer ticker.Stop()
	for {
		select {
		case <-q.stop:
			return
		case <-ticker.C:
			q.sync()
		}
	}
}

// sync writes the position, and calls fsync where messages have waited that have not been through it.
func (q *Queue) sync() {
	q.mu.Lock()
	q.save()
	var files []*os.File
	named := false
	q.ticks++
	if q.dirty && q.acked < q.next && (q.acked == q.old || q.ticks >= syncedAtLeast) {
		q.ticks = 0
		named, q.named = q.named, false
		for _, s := range q.segments {
			if s.dirty {
				s.dirty = false
				files = append(files, s.file)
			}
		}
		q.dirty = false
	}
	q.old = q.acked
	q.mu.Unlock()
	for _, f := range files {
		q.synced(f, q.o.fsync(f))
	}
	if named {
		q.synced(nil, q.syncDir())
	}
}

// synced counts a failure of fsync. A file that was removed meanwhile does not count.
func (q *Queue) synced(f *os.File, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil && (f == nil || q.holds(f)) {
		q.stats.SyncErrors++
		q.lastError = err
	}
}

// holds reports whether a file is still one of the queue. The caller holds mu.
func (q *Queue) holds(f *os.File) bool {
	for _, s := range q.segments {
		if s.file == f {
			return true
		}
	}
	return false
}

// syncDir makes the names of the files safe.
func (q *Queue) syncDir() error {
	d, err := os.Open(q.o.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return q.o.fsync(d)
}
