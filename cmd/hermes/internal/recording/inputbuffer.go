package recording

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

// item is one envelope of a slab: where its message lies, when it came, and what is lost before it.
type item struct {
	start, end uint32
	lost       uint32
	received   float64 // seconds since 1970
}

// slab is what has arrived since the writer took the one before.
type slab struct {
	buf   []byte
	items []item
}

func newSlab() *slab {
	const usual = 1 << 20
	return &slab{buf: make([]byte, 0, usual), items: make([]item, 0, usual/128)}
}

// mostWaiting bounds a slab, in bytes: beyond it the receiver is held back.
const mostWaiting = 64 << 20

// inputBuffer is between the receiver, which fills a slab, and the recorder, which takes it. mu guards
// everything; it is taken with the locks of admission held, and nothing is called under it.
type inputBuffer struct {
	mu      sync.Mutex
	filling *slab
	spare   *slab
	room    *sync.Cond // the recorder has taken a slab, or it is over
	more    chan struct{}
	over    bool
	refused uint64 // that came when it was over
}

func newInputBuffer() *inputBuffer {
	in := &inputBuffer{filling: newSlab(), spare: newSlab(), more: make(chan struct{}, 1)}
	in.room = sync.NewCond(&in.mu)
	return in
}

// put is the tap of the receiver.
func (in *inputBuffer) put(b *batch.Batch, records []recvqueue.Record) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.filling.buf) > 0 && len(in.filling.buf)+b.Size() > mostWaiting && !in.over {
		in.room.Wait()
	}
	if in.over {
		in.refused += uint64(len(records))
		return
	}
	s := in.filling
	first := len(s.items) == 0
	base := len(s.buf)
	s.buf = append(s.buf, b.Buf...)
	m := 0
	for i := range records {
		at := records[i].Begin()
		for b.Ends[m] <= at {
			m++
		}
		s.items = append(s.items, item{uint32(base + b.Start(m)), uint32(base + b.Ends[m]), records[i].Lost, records[i].Received})
	}
	if first {
		select {
		case in.more <- struct{}{}:
		default:
		}
	}
}

// add is put for one message, whose place is not in it yet.
func (in *inputBuffer) add(message []byte, it item) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.filling.buf) > 0 && len(in.filling.buf)+len(message) > mostWaiting && !in.over {
		in.room.Wait()
	}
	if in.over {
		in.refused++
		return
	}
	s := in.filling
	it.start = uint32(len(s.buf))
	s.buf = append(s.buf, message...)
	it.end = uint32(len(s.buf))
	s.items = append(s.items, it)
	select {
	case in.more <- struct{}{}:
	default:
	}
}

// take gives what has arrived, or nothing if nothing has.
// The caller gives the slab back with recycle.
func (in *inputBuffer) take() *slab {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.filling.items) == 0 {
		return nil
	}
	s := in.filling
	if in.filling = in.spare; in.filling == nil {
		in.filling = newSlab()
	}
	in.spare = nil
	in.room.Broadcast()
	return s
}

// recycle takes a slab back that was read.
func (in *inputBuffer) recycle(s *slab) {
	const keep = 16 << 20
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.spare == nil && cap(s.buf) <= keep {
		in.spare = &slab{s.buf[:0], s.items[:0]}
	}
}

// end lets nothing more in, and wakes a receiver that waits.
func (in *inputBuffer) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.over = true
	in.room.Broadcast()
}

// refusedSoFar is how many envelopes came when it was over.
func (in *inputBuffer) refusedSoFar() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.refused
}
