// Package lastvalue keeps the newest envelopes of every topic that passes a post office, for
// receivers that come late.
//
// The cache is bounded in bytes. When it is full, the topic goes that has had no envelope
// for the longest time. Messages that are not valid envelopes are not kept. What is handed
// out is marked as old, so that receivers take it neither for late nor for a gap. A Cache
// has one lock; Recall calls back with it held, and the callbacks take the locks of a
// connection.
package lastvalue

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
	"github.com/hermes-zmq/hermes/internal/wire"
)

const (
	// topicCost is about what a topic in the cache costs besides its envelopes, apart
	// from its own length, which is kept three times.
	topicCost = 320
	// valueCost is what an envelope costs besides its bytes.
	valueCost = 32
	// sharedBytes is the size from which an envelope is queued as it lies in the
	// cache, rather than copied.
	sharedBytes = 16 << 10
)

// Config is how much a cache keeps, and of what.
type Config struct {
	Depth    int      // envelopes of each topic
	Bytes    int64    // memory of all
	Prefixes [][]byte // of the topics that are kept, as they begin on the wire
	Restamp  bool     // give peers that cannot tell an old envelope from a late one the time of delivery; else nothing
}

// Cache is the cache of one run of a post office. It implements carrier.Cache; all methods
// may be called from any goroutine.
type Cache struct {
	Config
	prefixes trie.Set // of Config

	mu       sync.Mutex
	topics   map[string]*topicValues
	index    trie.Set     // the keys of topics
	newest   *topicValues // the list of all topics, by when the last envelope came
	oldest   *topicValues
	counters Counters
}

// Counters are what a cache holds and has done; core.PostOfficeStats says what each means.
type Counters struct {
	CacheTopics   uint64
	CacheMessages uint64
	CacheBytes    int64
	CacheEvicted  uint64
	CacheSent     uint64
	CacheDropped  uint64
}

// topicValues is one topic in the cache.
type topicValues struct {
	topic string
	ring  []value
	first int // the oldest of ring; not 0 only where ring is full
	cost  int64

	newer, older *topicValues
}

// value is one marked envelope: in a buffer that is used again for another,
// or, where it is big, in a batch that others may hold as well.
type value struct {
	own    []byte
	shared *batch.Batch
}

func (e *value) message() []byte {
	if e.shared != nil {
		return e.shared.Buf
	}
	return e.own
}

func (e *value) cost() int64 { return int64(cap(e.message())) + valueCost }

var _ carrier.Cache = (*Cache)(nil)

// New makes an empty cache.
func New(cfg Config) *Cache {
	c := &Cache{Config: cfg, topics: map[string]*topicValues{}}
	for _, p := range cfg.Prefixes {
		c.prefixes.Add(p)
	}
	return c
}

// Keep implements carrier.Cache.
func (c *Cache) Keep(b *batch.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range b.Len() {
		c.keep(b.Message(i))
	}
}

func (c *Cache) keep(msg []byte) {
	topic := batch.Topic(msg)
	if !systemtopic.Match(&c.prefixes, topic) {
		return
	}
	at, ok := wire.TimeAt(msg)
	if !ok {
		return
	}
	v := c.topics[string(topic)]
	if topicCost+3*int64(len(topic))+valueCost+int64(len(msg)+wire.CacheMarkRoom) > c.Bytes {
		if v != nil {
			c.evict(v) // what it holds is not the newest any more
		}
		return
	}
	if v == nil {
		v = c.enter(topic)
	}
	c.push(v, msg, at)
	c.touch(v)
	c.shrink(v)
}

// enter adds a topic without envelopes.
func (c *Cache) enter(topic []byte) *topicValues {
	v := &topicValues{topic: string(topic), cost: topicCost + 3*int64(len(topic))}
	c.topics[v.topic] = v
	c.index.Add(topic)
	c.counters.CacheTopics++
	c.counters.CacheBytes += v.cost
	return v
}

// push adds an envelope to a topic; of too many the oldest makes room.
func (c *Cache) push(v *topicValues, msg []byte, at int) {
	before := int64(0)
	var e *value
	if len(v.ring) < c.Depth {
		v.ring = append(v.ring, value{})
		e = &v.ring[len(v.ring)-1]
		c.counters.CacheMessages++
	} else {
		e = &v.ring[v.first]
		v.first = (v.first + 1) % c.Depth
		before = e.cost()
	}
	e.fill(msg, at)
	v.cost += e.cost() - before
	c.counters.CacheBytes += e.cost() - before
}

// fill makes e a marked copy of msg.
func (e *value) fill(msg []byte, at int) {
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
func (c *Cache) touch(v *topicValues) {
	if c.newest == v {
		return
	}
	c.unlink(v)
	v.older = c.newest
	if c.newest != nil {
		c.newest.newer = v
	}
	c.newest = v
	if c.oldest == nil {
		c.oldest = v
	}
}

func (c *Cache) unlink(v *topicValues) {
	if v.newer != nil {
		v.newer.older = v.older
	} else if c.newest == v {
		c.newest = v.older
	}
	if v.older != nil {
		v.older.newer = v.newer
	} else if c.oldest == v {
		c.oldest = v.newer
	}
	v.newer, v.older = nil, nil
}

// shrink keeps the cache within its limit: v, which has just changed, goes last.
func (c *Cache) shrink(v *topicValues) {
	for c.counters.CacheBytes > c.Bytes {
		switch {
		case c.oldest != v:
			c.evict(c.oldest)
		default: // the newest alone fits
			c.dropOldest(v)
		}
	}
}

func (c *Cache) evict(v *topicValues) {
	c.unlink(v)
	delete(c.topics, v.topic)
	c.index.Remove([]byte(v.topic))
	c.counters.CacheTopics--
	c.counters.CacheMessages -= uint64(len(v.ring))
	c.counters.CacheBytes -= v.cost
	c.counters.CacheEvicted++
}

func (c *Cache) dropOldest(v *topicValues) {
	cost := v.ring[v.first].cost()
	ring := make([]value, 0, len(v.ring)-1)
	for i := 1; i < len(v.ring); i++ {
		ring = append(ring, v.ring[(v.first+i)%len(v.ring)])
	}
	v.ring, v.first = ring, 0
	v.cost -= cost
	c.counters.CacheBytes -= cost
	c.counters.CacheMessages--
}

// Recall implements carrier.Cache.
func (c *Cache) Recall(p carrier.Peer, prefix []byte, follows func([]byte) bool, give func(*batch.Batch) int) (looked int) {
	fresh := p.Hermes == ""
	// A post office behind this one would pass what is old to receivers that have had it.
	if p.Type == carrier.XSUB.String() || fresh && !c.Restamp {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &recall{cache: c, give: give, b: batch.Get()}
	if fresh {
		out.micros = clock.TimeOfDay().UnixMicro()
	}
	c.index.Under(prefix, func(topic []byte) {
		looked++
		if follows(topic) || !systemtopic.Reaches(prefix, topic) {
			return
		}
		v := c.topics[string(topic)]
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
	cache  *Cache
	give   func(*batch.Batch) int
	b      *batch.Batch // what is copied, for now
	micros int64        // the time to put on it, or 0 to leave its own
}

func (r *recall) add(e *value) {
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
	r.cache.counters.CacheSent += uint64(taken)
	r.cache.counters.CacheDropped += uint64(b.Len() - taken)
}

// Counters are those of this moment; none for a nil cache.
func (c *Cache) Counters() Counters {
	if c == nil {
		return Counters{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counters
}
