package recording

import (
	"time"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// packing is the state of the packing goroutine.
type packing struct {
	*Recorder
	packer
	builder *mcap.Builder
	counts  counts
	oldest  time.Time // when the first message of the builder came
	begun   time.Time // the present file
	inFile  uint64    // envelopes
	total   uint64
	last    uint64 // log time
	over    bool
	frames  Frames // of the envelope that is added
}

// step waits for envelopes, or for what else there is to do, and does it.
func (p *packing) step() {
	var due <-chan time.Time
	if at, some := p.nextDue(); some {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-p.input.more:
		p.drain()
	case <-due:
	case reason := <-p.dumps:
		p.drain()
		p.flush(job{dump: reason})
	case <-p.large:
		p.rotate()
	case <-p.stop:
		p.over = true
	}
	p.flushIfDue()
}

// within is how long a chunk collects envelopes at most: what is left of Flush is for compressing and
// writing it.
func (p *packing) within() time.Duration { return p.cfg.Flush / 2 }

// nextDue is when something has to be written at the latest.
func (p *packing) nextDue() (at time.Time, some bool) {
	if p.builder.Messages() > 0 {
		at, some = p.oldest.Add(p.within()), true
	}
	if every := p.cfg.Rotate.Every; every > 0 && (!some || p.begun.Add(every).Before(at)) {
		at, some = p.begun.Add(every), true
	}
	return at, some
}

// flushIfDue does what has to be done now, also while envelopes come without a pause.
func (p *packing) flushIfDue() {
	select {
	case <-p.large:
		p.rotate()
	case reason := <-p.dumps:
		p.flush(job{dump: reason})
	default:
	}
	now := time.Now()
	if every := p.cfg.Rotate.Every; every > 0 && now.Sub(p.begun) >= every {
		p.rotate()
	} else if p.builder.Messages() > 0 && now.Sub(p.oldest) >= p.within() {
		p.flush(job{})
	}
}

func (p *packing) rotate() {
	p.flush(job{rotate: true})
	p.begun, p.inFile = time.Now(), 0
	p.channels = newChannels()
}

// drain takes everything that has arrived.
func (p *packing) drain() {
	for s := p.input.take(); s != nil; s = p.input.take() {
		for i := range s.items {
			p.add(s.buf[s.items[i].start:s.items[i].end], &s.items[i])
			if i%1024 == 1023 {
				p.flushIfDue()
			}
		}
		p.input.recycle(s)
		p.flushIfDue()
	}
}

// add records one envelope.
func (p *packing) add(message []byte, it *item) {
	if p.cfg.Most > 0 && p.total >= p.cfg.Most {
		p.update(func(q *Progress) { q.AfterEnd++ })
		return
	}
	if p.builder.Messages() == 0 {
		p.oldest = time.Now()
	}
	names, _ := wire.NamesOf(message)
	f := &p.frames
	f.split(message)
	// Files are in the order of arrival, also where the clock was set back.
	logTime := max(uint64(it.received*1e6)*1000, p.last)
	p.last = logTime
	if it.lost > 0 {
		seq, _ := wire.SequenceOf(message)
		m := p.loss(f, seq, it.lost, logTime)
		p.builder.Add(&m)
		p.counts.lost += uint64(it.lost)
	}
	m := p.envelope(f, message, names, logTime)
	p.builder.Add(&m)
	p.counts.envelopes++
	p.inFile++
	if p.total++; p.total == p.cfg.Most {
		close(p.full)
	}
	p.after(f, it.lost)
}

// after does what an envelope is the reason for.
func (p *packing) after(f *Frames, lost uint32) {
	switch {
	case p.cfg.Ring.OnLoss && lost > 0:
		p.flush(job{dump: "an envelope was lost"})
	case p.cfg.Trigger != nil && p.cfg.Trigger(f):
		p.flush(job{dump: "an envelope matches"})
	case p.cfg.Rotate.Envelopes > 0 && p.inFile >= p.cfg.Rotate.Envelopes:
		p.rotate()
	case p.builder.Size() >= p.cfg.ChunkBytes:
		p.flush(job{})
	}
}

// flush hands the builder to the output, with a job for behind it.
func (p *packing) flush(j job) {
	if p.builder.Messages() > 0 {
		j.builder, j.counts, j.news = p.builder, p.counts, p.channels.takeNews()
		p.counts = counts{}
	} else if !j.rotate && j.dump == "" && !j.final {
		return
	}
	p.jobs <- j
	if j.builder != nil {
		p.builder = <-p.free
	}
}
