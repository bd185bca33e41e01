package backbone

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/lru"
	"github.com/hermes-zmq/hermes/internal/trie"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// screen finds what reaches this site twice, because post offices are connected beside the backbone:
//
//   - What comes from a post office behind which another site stands comes over the backbone as well,
//     from that site. It is dropped where it arrives, unless it may not enter over the backbone, or
//     NATS is away.
//   - Where two sites follow the same post office, which is none, both bring what that one sends. The
//     first copy of each envelope passes, as origin, topic and number tell, and the others do not. Which
//     is first may change at any moment, so both ways have to be screened: what post offices bring at
//     the incoming side (admit), and what those sites send (filter). So it is also for as long as the
//     routes of sites are not known, and wherever post offices are at the incoming side.
//
// Envelopes without a number, and what is no envelope, cannot be told apart, and all copies pass.
//
// Locks: mu is taken under those of the relay, and of the inbox, and before that of the ways.
type screen struct {
	ways    ways
	imports *trie.Set   // empty: everything; does not change
	active  atomic.Bool // there are peers that are post offices
	away    atomic.Bool // there is no connection to NATS

	mu      sync.Mutex
	peers   map[uint64][]string // the post offices that the messages of a peer come through
	seen    lru.Table[newest]   // by topic, origin and incarnation
	key     []byte
	dropped uint64 // by admit
}

// ways is what is known of the post offices behind sites.
type ways interface {
	// Route replaces those behind this site, itself first.
	Route(offices []string)
	// Redundant reports whether a way leads through another site.
	Redundant(route []string) bool
	// Overlaps reports whether what comes from a site may come from another one as well.
	Overlaps(run uint64) bool
	// Settled reports whether the routes of a site and of all others are known.
	Settled(run uint64) bool
}

// newest is the number of the newest envelope of a stream.
type newest struct {
	number uint32
	known  bool
}

// What is remembered of streams, twice. One that is forgotten passes twice.
const (
	maxStreams     = 100_000
	maxStreamBytes = 8 << 20
)

func (s *screen) init(w ways, imports *trie.Set) {
	s.ways, s.imports = w, imports
	s.seen.MaxKeys, s.seen.MaxBytes = maxStreams, maxStreamBytes
}

// route notes the name of this post office, and the ways of its peers. own is "" when it has stopped.
func (s *screen) route(own string, peers map[uint64][]string) {
	s.mu.Lock()
	s.peers = peers
	s.mu.Unlock()
	var offices []string
	for _, way := range peers {
		offices = append(offices, way...)
	}
	slices.Sort(offices)
	offices = slices.Compact(offices)
	if own != "" {
		offices = append([]string{own}, offices...)
	}
	s.ways.Route(offices)
	s.active.Store(len(peers) > 0)
}

// admit implements relay.Link.
func (s *screen) admit(peer uint64, b *batch.Batch) *batch.Batch {
	s.mu.Lock()
	way := s.peers[peer]
	s.mu.Unlock()
	if way == nil {
		return b
	}
	redundant := !s.away.Load() && s.ways.Redundant(way)
	s.mu.Lock()
	defer s.mu.Unlock()
	out, n := (*batch.Batch)(nil), b.Len()
	for i := range n {
		passes := false
		if redundant && s.mayEnter(b.Message(i)) {
			s.dropped++
		} else if passes = s.fresh(b.Message(i)); !passes {
			s.dropped++
		}
		switch {
		case passes && out != nil:
			out.AppendMessage(b.Message(i))
		case !passes && out == nil:
			out = batch.Get()
			out.Buf = append(out.Buf, b.Buf[:b.Start(i)]...)
			out.Ends = append(out.Ends, b.Ends[:i]...)
		}
	}
	if out == nil {
		return b
	}
	if out.Len() == 0 {
		out.Release()
		return nil
	}
	return out
}

// mayEnter reports whether a message may come over the backbone.
func (s *screen) mayEnter(msg []byte) bool {
	return s.imports.Len() == 0 || s.imports.Match(batch.Topic(msg))
}

// filter removes from a batch the messages from the one with this index on that have come before, where
// the site of a run may send such. It tells how many these are.
func (s *screen) filter(run uint64, b *batch.Batch, from int) (removed uint64) {
	if !s.active.Load() && s.ways.Settled(run) && !s.ways.Overlaps(run) {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	start, n := b.Start(from), len(b.Ends)
	end, kept := start, from
	for i := from; i < n; i++ {
		at := start
		start = b.Ends[i]
		if !s.fresh(b.Buf[at:start]) {
			removed++
			continue
		}
		end += copy(b.Buf[end:], b.Buf[at:start])
		b.Ends[kept] = end
		kept++
	}
	b.Buf, b.Ends = b.Buf[:end], b.Ends[:kept]
	return removed
}

// fresh reports whether a message has not come before, and notes that it has now. The caller holds mu.
func (s *screen) fresh(msg []byte) bool {
	seq, numbered := wire.SequenceOf(msg)
	if !numbered {
		return true
	}
	names, _ := wire.NamesOf(msg)
	s.key = binary.BigEndian.AppendUint16(append(s.key[:0], names...), seq.Incarnation)
	last, _, _ := s.seen.Find(s.key)
	if last.known && int32(seq.Number-last.number) <= 0 {
		return false
	}
	*last = newest{seq.Number, true}
	return true
}

// redundant is how many messages admit has dropped.
func (s *screen) redundant() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}
