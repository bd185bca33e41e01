package core

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/trie"
	"github.com/hermes-zmq/hermes/internal/wire"
)

const (
	// topicCost is about what a topic in the cache costs besides its envelopes, apart
	// from its own length, which is kept three times.
	topicCost = 320
	// keptCost is what an envelope costs besides its bytes.
	keptCost = 32
	// sharedBytes is the size from which an envelope is queued as it lies in the
	// cache, rather than copied.
	sharedBytes = 16 << 10
)

// lastValues keeps the newest envelopes of every topic that passes a post office, for
// receivers that come late. When it is full, the topic goes of which nothing has come
// for the longest time. What is no envelope is not kept.
type lastValues struct {
	depth  int
	limit  int64
	old    string   // what peers get that cannot tell an old envelope from a late one
	topics trie.Set // prefixes of what is kept

	mu     sync.Mutex
	kept   map[string]*lastValue
	index  trie.Set // the keys of kept
	newest *lastValue
	oldest *lastValue
	c      cacheCounters
}

type cacheCounters struct {
	CacheTopics   uint64 `json:"cache_topics"`
	CacheMessages uint64 `json:"cache_messages"`
	CacheBytes    int64  `json:"cache_bytes"`
	CacheEvicted  uint64 `json:"cache_evicted"`
	CacheSent     uint64 `json:"cache_sent"`
	CacheDropped  uint64 `json:"cache_dropped"`
}

// lastValue is one topic in the cache.
type lastValue struct {
	topic string
	ring  []envelopeKept
	first int // the oldest of ring; not 0 only where ring is full
	cost  int64

	newer, older *lastValue
}

// envelopeKept is one marked envelope: in a buffer that is used again for another,
// or, where it is big, in a batch that others may hold as well.
type envelopeKept struct {
	own    []byte
	shared *batch.Batch
}

func (e *envelopeKept) message() []byte {
	if e.shared != nil {
		return e.shared.Buf
	}
	return e.own
}

func (e *envelopeKept) cost() int64 { return int64(cap(e.message())) + keptCost }

var _ carrier.Cache = (*lastValues)(nil)

func newLastValues(depth int, limit int64, old string, prefixes [][]byte) *lastValues {
	l := &lastValues{depth: depth, limit: limit, old: old, kept: map[string]*lastValue{}}
	for _, p := range prefixes {
		l.topics.Add(p)
	}
	return l
}

// Keep implements carrier.Cache.
func (l *lastValues) Keep(b *batch.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.Len() {
		l.keep(b.Message(i))
	}
}

func (l *lastValues) keep(msg []byte) {
	topic := batch.Topic(msg)
	if !l.topics.Match(topic) {
		return
	}
	at, ok := wire.TimeAt(msg)
	if !ok {
		return
	}
	v := l.kept[string(topic)]
	if topicCost+3*int64(len(topic))+keptCost+int64(len(msg)+wire.CacheMarkRoom) > l.limit {
		if v != nil {
			l.evict(v) // what it holds is not the newest any more
		}
		return
	}
	if v == nil {
		v = l.enter(topic)
	}
	l.push(v, msg, at)
	l.touch(v)
	l.shrink(v)
}

// enter adds a topic without envelopes.
func (l *lastValues) enter(topic []byte) *lastValue {
	v := &lastValue{topic: string(topic), cost: topicCost + 3*int64(len(topic))}
	l.kept[v.topic] = v
	l.index.Add(topic)
	l.c.CacheTopics++
	l.c.CacheBytes += v.cost
	return v
}

// push adds an envelope to a topic; of too many the oldest makes room.
func (l *lastValues) push(v *lastValue, msg []byte, at int) {
	before := int64(0)
	var e *envelopeKept
	if len(v.ring) < l.depth {
		v.ring = append(v.ring, envelopeKept{})
		e = &v.ring[len(v.ring)-1]
		l.c.CacheMessages++
	} else {
		e = &v.ring[v.first]
		v.first = (v.first + 1) % l.depth
		before = e.cost()
	}
	e.fill(msg, at)
	v.cost += e.cost() - before
	l.c.CacheBytes += e.cost() - before
}

// fill makes e a marked copy of msg.
func (e *envelopeKept) fill(msg []byte, at int) {
	size := len(msg) + wire.CacheMarkRoom
	if size >= sharedBytes {
		b := &batch.Batch{Buf: wire.AppendMarked(make([]byte, 0, size), msg, at)}
		b.EndMessage()
		e.own, e.shared = nil, b
		return
	}
	if room := cap(e.own); room < size || room > 2*size+64 {
		e.own = make([]byte, 0, size)
	}
	e.own, e.shared = wire.AppendMarked(e.own[:0], msg, at), nil
}

// touch makes v the newest of all topics.
func (l *lastValues) touch(v *lastValue) {
	if l.newest == v {
		return
	}
	l.unlink(v)
	v.older = l.newest
	if l.newest != nil {
		l.newest.newer = v
	}
	l.newest = v
	if l.oldest == nil {
		l.oldest = v
	}
}

func (l *lastValues) unlink(v *lastValue) {
	if v.newer != nil {
		v.newer.older = v.older
	} else if l.newest == v {
		l.newest = v.older
	}
	if v.older != nil {
		v.older.newer = v.newer
	} else if l.oldest == v {
		l.oldest = v.newer
	}
	v.newer, v.older = nil, nil
}

// shrink keeps the cache within its limit: v, which has just changed, goes last.
func (l *lastValues) shrink(v *lastValue) {
	for l.c.CacheBytes > l.limit {
		switch {
		case l.oldest != v:
			l.evict(l.oldest)
		default: // the newest alone fits
			l.dropOldest(v)
		}
	}
}

func (l *lastValues) evict(v *lastValue) {
	l.unlink(v)
	delete(l.kept, v.topic)
	l.index.Remove([]byte(v.topic))
	l.c.CacheTopics--
	l.c.CacheMessages -= uint64(len(v.ring))
	l.c.CacheBytes -= v.cost
	l.c.CacheEvicted++
}

func (l *lastValues) dropOldest(v *lastValue) {
	cost := v.ring[v.first].cost()
	ring := make([]envelopeKept, 0, len(v.ring)-1)
	for i := 1; i < len(v.ring); i++ {
		ring = append(ring, v.ring[(v.first+i)%len(v.ring)])
	}
	v.ring, v.first = ring, 0
	v.cost -= cost
	l.c.CacheBytes -= cost
	l.c.CacheMessages--
}

// Recall implements carrier.Cache.
func (l *lastValues) Recall(p carrier.Peer, prefix []byte, follows func([]byte) bool, give func(*batch.Batch) int) (looked int) {
	fresh := p.Hermes == ""
	// A post office behind this one would pass what is old to receivers that have had it.
	if p.Type == carrier.XSUB.String() || fresh && l.old != "restamp" {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := &recall{l: l, give: give, b: batch.Get()}
	if fresh {
		out.micros = timeOfDay().UnixMicro()
	}
	l.index.Under(prefix, func(topic []byte) {
		looked++
		if follows(topic) {
			return
		}
		v := l.kept[string(topic)]
		for i := range v.ring {
			out.add(&v.ring[(v.first+i)%len(v.ring)])
		}
	})
	out.flush()
	out.b.Release()
	return looked
}

// recall is one Recall under way.
type recall struct {
	l      *lastValues
	give   func(*batch.Batch) int
	b      *batch.Batch // what is copied, for now
	micros int64        // the time to put on it, or 0 to leave its own
}

func (r *recall) add(e *envelopeKept) {
	switch {
	case r.micros > 0:
		r.b.Buf = wire.AppendRestamped(r.b.Buf, e.message(), r.micros)
		r.b.EndMessage()
	case e.shared != nil:
		r.flush()
		r.hand(e.shared)
		return
	default:
		r.b.AppendMessage(e.own)
	}
	if r.b.Full() {
		r.flush()
	}
}

// flush hands over what has been copied.
func (r *recall) flush() {
	if r.b.Len() > 0 {
		r.hand(r.b)
		r.b.Release()
		r.b = batch.Get()
	}
}

func (r *recall) hand(b *batch.Batch) {
	taken := r.give(b)
	r.l.c.CacheSent += uint64(taken)
	r.l.c.CacheDropped += uint64(b.Len() - taken)
}

// counters are those of this moment; none for a post office that keeps nothing.
func (l *lastValues) counters() cacheCounters {
	if l == nil {
		return cacheCounters{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.c
}
