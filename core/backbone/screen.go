package backbone

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/lru"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// screen finds what reaches this site twice, because post offices are connected beside the backbone:
//
//   - What comes from a post office that is a site itself comes over the backbone as well. It goes to local
//     receivers only, as the other sites get it from that one.
//   - Where two sites have the same post office on the way of their messages, this site may be one of
//     them, both bring what that one sends: to a third site, and to each other.
//
// The first copy of each envelope passes, as origin, topic and number tell, and the others do not. Which is
// first may change at any moment, so both ways have to be screened: what comes in at the incoming side
// (admit), that of publishers included, as it may return, and what those sites send (filter). So nothing is
// missed while one of the ways is interrupted, or only begins. A turn lasts until what has passed is
// with the receivers: what is newer must not overtake it on the other way.
//
// All ways are screened as well for as long as the routes of sites are not known, and what post offices
// bring always is: a site that has just come may begin to send before it is known what is behind it.
//
// Envelopes without a number, and what is no envelope, cannot be told apart, and all copies pass, but those of
// a site that do not come over the backbone.
//
// Locks: turn is taken first, with none of the relay held, and kept while the relay delivers, which may wait
// for receivers. mu is taken under turn and under locks of the relay, and before that of the ways.
type screen struct {
	ways    ways
	run     uint64    // of this site
	imports *trie.Set // empty: everything; does not change
	active  atomic.Bool
	posts   atomic.Bool // there are peers that are post offices
	turn    sync.Mutex  // one batch at a time passes

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
	// Redundant reports whether a way begins at another site.
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

func (s *screen) init(w ways, run uint64, imports *trie.Set) {
	s.ways, s.run, s.imports = w, run, imports
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
	s.look()
}

// look finds out whether what peers bring has to be screened. It is called whenever that may have
// changed.
func (s *screen) look() {
	s.mu.Lock()
	posts := len(s.peers) > 0
	s.mu.Unlock()
	s.posts.Store(posts)
	s.active.Store(posts || s.returns())
}

// returns reports whether what publishers send may come back from other sites.
func (s *screen) returns() bool { return !s.ways.Settled(s.run) || s.ways.Overlaps(s.run) }

// shared reports whether what a site sends may come another way as well.
func (s *screen) shared(run uint64) bool {
	return s.posts.Load() || !s.ways.Settled(run) || s.ways.Overlaps(run)
}

// admit implements relay.Link. The caller holds turn.
func (s *screen) admit(peer uint64, b *batch.Batch) (out *batch.Batch, local bool) {
	s.mu.Lock()
	way := s.peers[peer]
	s.mu.Unlock()
	local = s.ways.Redundant(way)
	if way == nil && !s.returns() {
		return b, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b.Len() {
		msg := b.Message(i)
		first, numbered := s.fresh(msg)
		passes := first && (numbered || !local || !s.mayEnter(msg))
		switch {
		case passes && out != nil:
			out.AppendMessage(msg)
		case !passes && out == nil:
			out = batch.Get()
			out.Buf = append(out.Buf, b.Buf[:b.Start(i)]...)
			out.Ends = append(out.Ends, b.Ends[:i]...)
		}
		if !passes {
			s.dropped++
		}
	}
	if out == nil {
		return b, local
	}
	if out.Len() == 0 {
		out.Release()
		return nil, local
	}
	return out, local
}

// mayEnter reports whether a message may come over the backbone.
func (s *screen) mayEnter(msg []byte) bool {
	return s.imports.Len() == 0 || systemtopic.Match(s.imports, batch.Topic(msg))
}

// filter removes from a batch what has come before, of the messages of spans. It tells how many these are.
// The caller holds turn.
func (s *screen) filter(b *batch.Batch, spans []span) (removed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start, end, kept, n := 0, 0, 0, b.Len()
	for i := range n {
		at := start
		start = b.Ends[i]
		for len(spans) > 0 && i >= spans[0].to {
			spans = spans[1:]
		}
		if len(spans) > 0 && i >= spans[0].from {
			if first, _ := s.fresh(b.Buf[at:start]); !first {
				removed++
				continue
			}
		}
		end += copy(b.Buf[end:], b.Buf[at:start])
		b.Ends[kept] = end
		kept++
	}
	b.Buf, b.Ends = b.Buf[:end], b.Ends[:kept]
	return removed
}

// fresh reports whether a message has not come before, and notes that it has now. One that is not
// numbered never has. The caller holds mu.
func (s *screen) fresh(msg []byte) (first, numbered bool) {
	seq, numbered := wire.SequenceOf(msg)
	if !numbered {
		return true, false
	}
	names, _ := wire.NamesOf(msg)
	s.key = binary.BigEndian.AppendUint16(append(s.key[:0], names...), seq.Incarnation)
	last, _, _ := s.seen.Find(s.key)
	if last.known && int32(seq.Number-last.number) <= 0 {
		return false, true
	}
	*last = newest{seq.Number, true}
	return true, true
}

// redundant is how many messages admit has dropped.
func (s *screen) redundant() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}
