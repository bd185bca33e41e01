package recording

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/admission"
)

// Config is what a Recorder is to do.
type Config struct {
	Name        string        // of the file, or of the files; see names.go
	Compression string        // mcap.Zstd or mcap.None
	ChunkBytes  int           // about how large a chunk is before it is compressed
	Flush       time.Duration // how long an envelope may wait until it is written
	Mode        os.FileMode   // permissions of the files; 0: Private
	MinFree     int64         // what is to stay free on the disk, in bytes
	Most        uint64        // envelopes; 0 is no limit

	Rotate Rotation
	Ring   Ring

	// Trigger reports whether an envelope is a reason to write the ring; nil: none is.
	Trigger func(*Frames) bool
	// Notice is told what happens to files, for people. It must not block.
	Notice func(text string)
	// Receiver gives the counters of the receiver, for the books; nil: there are none.
	Receiver func() json.RawMessage

	free func(dir string) (int64, error) // how much of a disk is free; nil: freeOf
}

// Rotation says when another file is begun, and how much of the disk all files may take. The zero
// value is one file.
type Rotation struct {
	Bytes     int64
	Every     time.Duration
	Envelopes uint64
	Quota     int64 // bytes of all files; the oldest are deleted
}

// On reports whether there is more than one file.
func (r *Rotation) On() bool { return r.Bytes > 0 || r.Every > 0 || r.Envelopes > 0 }

// Ring says how much is kept in memory, and written only when there is a reason. The zero value is
// no ring.
type Ring struct {
	Last   time.Duration
	Bytes  int64 // of memory
	OnLoss bool  // write it when an envelope is found to be lost
}

// On reports whether there is a ring.
func (r *Ring) On() bool { return r.Last > 0 }

// Progress is how far a recording has come.
type Progress struct {
	Envelopes, Lost uint64
	Bytes           int64 // in files
	Files           int
	Deleted         uint64 // files, by the quota
	Evicted         uint64 // envelopes, from the ring
	Unwritten       uint64 // envelopes, see Books
	AfterEnd        uint64 // likewise
}

// Recorder writes what a receiver is given. Three goroutines work on it:
//
//	receiver's   Tap → input.put                                           copies messages
//	packing      input.take  → packer.pack → Builder.Add                   makes chunks
//	output       Builder.Finish → files.chunk or ring.chunk                compresses, writes
//
// The slab between the first two is bounded (mostWaiting), and so is the queue between the others
// (two chunks), so a slow disk holds back the receiver, and nothing is dropped here while the
// output works. Where it fails, the rest is counted as unwritten.
type Recorder struct {
	cfg    Config
	id     string
	input  *inputBuffer
	dumps  chan string   // reasons to write the ring
	large  chan struct{} // the file is as large as it is to be
	stop   chan struct{} // closed by Close
	full   chan struct{} // closed when Most envelopes are recorded
	failed chan struct{} // closed when the output has failed
	done   chan struct{} // closed when the output goroutine has ended
	jobs   chan job
	free   chan *mcap.Builder
	out    output

	numbers gaps // of what Put was given

	mu       sync.Mutex // guards what follows
	progress Progress
	err      error
}

// job is work for the output goroutine.
type job struct {
	builder *mcap.Builder // nil: no chunk
	news    news
	counts  counts
	rotate  bool   // begin another file behind it
	dump    string // write the ring behind it, for this reason
	final   bool
}

// counts are those of one chunk.
type counts struct{ envelopes, lost uint64 }

// output takes finished chunks. It is for the output goroutine alone.
type output interface {
	declare(news)
	chunk(*mcap.Chunk, counts) error
	rotate() error
	dump(reason string) error
	close() error
	fill(*Progress)
}

// New makes a Recorder, and creates its first file.
func New(cfg Config) (*Recorder, error) {
	if cfg.Notice == nil {
		cfg.Notice = func(string) {}
	}
	if cfg.free == nil {
		cfg.free = freeOf
	}
	if cfg.Rotate.On() && cfg.Ring.On() {
		return nil, fmt.Errorf("a ring is written when there is a reason, and cannot rotate: leave out one of the two")
	}
	if cfg.Compression != mcap.None && cfg.Compression != mcap.Zstd {
		return nil, fmt.Errorf("%w %q: it is zstd, or none", mcap.ErrCompression, cfg.Compression)
	}
	r := &Recorder{cfg: cfg, id: newID(), input: newInputBuffer(), dumps: make(chan string, 1), large: make(chan struct{}, 1), stop: make(chan struct{}),
		full: make(chan struct{}), failed: make(chan struct{}), done: make(chan struct{}),
		jobs: make(chan job, 1), free: make(chan *mcap.Builder, 2)}
	for range cap(r.free) {
		r.free <- new(mcap.Builder)
	}
	var err error
	if cfg.Ring.On() {
		r.out, err = newRing(r)
	} else {
		r.out, err = newFiles(r)
	}
	if err != nil {
		return nil, err
	}
	go r.write()
	go r.pack()
	return r, nil
}

// Tap is what the receiver is to be given.
func (r *Recorder) Tap() admission.Tap { return r.input.put }

// Full is closed when as many envelopes are recorded as there are to be, and Failed when the
// output has failed. The caller then stops the receiver, and calls Close.
func (r *Recorder) Full() <-chan struct{} { return r.full }

// Failed is described at Full.
func (r *Recorder) Failed() <-chan struct{} { return r.failed }

// Dump writes the ring, for a reason, as soon as possible.
func (r *Recorder) Dump(reason string) {
	select {
	case r.dumps <- reason:
	default: // it is about to be written anyhow
	}
}

// Progress is how far the recording has come.
func (r *Recorder) Progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}

// Close records what has arrived, and closes the file. The receiver has stopped. The error is that
// with which the output has failed, if it has.
func (r *Recorder) Close() (Progress, error) {
	close(r.stop)
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress, r.err
}

// update changes the progress under its lock.
func (r *Recorder) update(change func(*Progress)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.progress)
}

// fail notes the first error of the output.
func (r *Recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
		close(r.failed)
	}
}

// write is the output goroutine.
func (r *Recorder) write() {
	defer close(r.done)
	for j := range r.jobs {
		if err := r.do(&j); err != nil {
			r.fail(err)
		}
	}
	r.update(func(p *Progress) { p.Unwritten += r.input.refusedSoFar() })
	if err := r.out.close(); err != nil {
		r.fail(err)
	}
	r.update(r.out.fill)
}

// do does a job. After an error of the output the envelopes are only counted.
func (r *Recorder) do(j *job) error {
	r.out.declare(j.news)
	broken := false
	select {
	case <-r.failed:
		broken = true
	default:
	}
	if j.builder != nil {
		c, err := j.builder.Finish(r.cfg.Compression)
		r.free <- j.builder
		if err == nil && !broken {
			err = r.out.chunk(c, j.counts)
		}
		if err != nil || broken {
			r.update(func(p *Progress) { p.Unwritten += j.counts.envelopes })
			return err
		}
		r.update(func(p *Progress) {
			p.Envelopes += j.counts.envelopes
			p.Lost += j.counts.lost
			r.out.fill(p)
		})
	}
	if broken {
		return nil
	}
	if j.rotate {
		if err := r.out.rotate(); err != nil {
			return err
		}
	}
	if j.dump != "" {
		return r.out.dump(j.dump)
	}
	return nil
}

// pack is the packing goroutine.
func (r *Recorder) pack() {
	defer close(r.jobs)
	p := packing{Recorder: r, packer: packer{channels: newChannels()}, begun: time.Now()}
	p.builder = <-r.free
	for !p.over {
		p.step()
	}
	r.input.end()
	p.drain() // what the receiver had left
	p.flush(job{final: true})
}

// newID makes the name of a recording.
func newID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}
