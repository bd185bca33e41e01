package zmtp

import (
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/invariants"
)

const (
	// recentBytes is how much of what was sent is kept while a peer catches up: more than what a
	// fast publisher sends while the last of it is stored and read again.
	recentBytes = 32 << 20
	// recentChunk is the usual size of a chunk of it.
	recentChunk = 256 << 10
)

// recentRing keeps copies of what an outlet has sent lately, of the topics of its history, in the
// order in which that was sent. It keeps nothing while no peer catches up. Of what is beyond
// most the oldest goes.
//
// Messages are numbered from 0 on; a cursor is the number of the first message that its owner has
// not had. mu guards all fields; what a view shows never changes, so that it is read without mu.
type recentRing struct {
	users atomic.Int32 // peers that catch up; changed with mu held
	most  int          // bytes that are kept; constant
	chunk int          // usual size of a chunk; constant

	mu     invariants.Mutex
	chunks []recentMessages // oldest first
	next   uint64           // number of the next message
	bytes  int              // capacity of all chunks
}

// recentMessages is a run of messages, whole ones back to back; or, as a view, some of them.
type recentMessages struct {
	first uint64 // number of the first message
	from  int    // where it begins in buf
	buf   []byte
	ends  []int
}

// after is the cursor behind these messages.
func (m *recentMessages) after() uint64 { return m.first + uint64(len(m.ends)) }

// size is the length of these messages.
func (m *recentMessages) size() int {
	if len(m.ends) == 0 {
		return 0
	}
	return m.ends[len(m.ends)-1] - m.from
}

// each calls f for every message.
func (m *recentMessages) each(f func(msg []byte)) {
	from := m.from
	for _, end := range m.ends {
		f(m.buf[from:end:end])
		from = end
	}
}

// init sets how much is kept.
func (r *recentRing) init(most, chunk int) {
	r.most, r.chunk = most, chunk
	r.mu.Rank(lockFamily, rankRecent)
}

// begin adds a user.
func (r *recentRing) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users.Add(1)
}

// end removes a user.
func (r *recentRing) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users.Add(-1) == 0 {
		r.chunks, r.bytes = nil, 0
	}
}

// cursor is that of what comes from now on.
func (r *recentRing) cursor() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

// add keeps what belongs to the history of a batch that is sent. The caller holds sends for
// reading.
func (r *recentRing) add(b *batch.Batch, h carrier.History) {
	if r.users.Load() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users.Load() == 0 {
		return
	}
	for i := range b.Len() {
		if h.Keeps(topicOf(b, i)) {
			r.keep(b.Message(i))
		}
	}
	for r.bytes > r.most && len(r.chunks) > 1 {
		r.bytes -= cap(r.chunks[0].buf)
		r.chunks[0] = recentMessages{}
		r.chunks = r.chunks[1:]
	}
}

func (r *recentRing) keep(msg []byte) {
	n := len(r.chunks)
	if n == 0 || cap(r.chunks[n-1].buf)-len(r.chunks[n-1].buf) < len(msg) {
		size := max(r.chunk, len(msg))
		r.chunks = append(r.chunks, recentMessages{first: r.next, buf: make([]byte, 0, size)})
		r.bytes += size
		n++
	}
	k := &r.chunks[n-1]
	k.buf = append(k.buf, msg...)
	k.ends = append(k.ends, len(k.buf))
	r.next++
}

// oldest is the first cursor for which nothing is gone.
func (r *recentRing) oldest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.chunks) == 0 {
		return r.next
	}
	return r.chunks[0].first
}

// read gives what comes behind a cursor: as much as lies together, and nothing where there is
// nothing more. slid reports that some of it is gone.
func (r *recentRing) read(cursor uint64) (m recentMessages, slid bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cursor == r.next {
		return recentMessages{first: cursor}, false
	}
	for i := range r.chunks {
		k := &r.chunks[i]
		if cursor < k.first {
			break
		}
		if cursor < k.after() {
			at := int(cursor - k.first)
			m = recentMessages{first: cursor, buf: k.buf, ends: k.ends[at:]}
			if at > 0 {
				m.from = k.ends[at-1]
			}
			return m, false
		}
	}
	return recentMessages{}, true
}
