package httpd

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/relay"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Limits of a census.
const (
	censusRate    = 20_000 // messages a second that are looked at: about 50 ns each, so a thousandth of a core
	censusTopics  = 4000   // topics that are counted one by one in one interval
	shownTopics   = 60     // of which the page hears
	shownName     = 160    // bytes of a topic or an origin
	censusLength  = 1024   // bytes of the longest topic that is counted by itself
	censusPeers   = 512    // publishers whose origins are noted
	censusOrigins = 3      // of each
)

// census counts messages by topic, and notes the origins of each publisher, as they pass through the
// post office. Where more pass than censusRate it looks at a part of the batches, chosen at random, and
// the counts are multiplied. Between begin and end it sees each batch; otherwise it costs nothing.
//
// see is called on the goroutines of publishers' connections; mu guards the tables, and is held for one batch.
type census struct {
	tap *relay.Tap

	passed atomic.Int64  // messages in this interval
	part   atomic.Uint32 // of 1<<32 - 1 batches, how many are looked at

	mu      sync.Mutex
	counted int64 // messages in this interval that were looked at
	topics  map[string]*topicCount
	others  topicCount // of topics beyond censusTopics, or longer than censusLength
	peers   map[uint64][]string
	began   time.Time // of the interval
}

// topicCount is what has passed of one topic, as far as it was looked at.
type topicCount struct{ messages, bytes int64 }

// topicRate is what has passed of one topic in an interval, multiplied where a part was looked at.
type topicRate struct {
	Topic    string  `json:"topic"`
	Messages float64 `json:"messages"`
	Bytes    float64 `json:"bytes"`
}

// topicReport is the topics of one interval, most messages first.
type topicReport struct {
	Seconds float64             `json:"seconds"`
	Exact   bool                `json:"exact"` // every message was looked at
	Topics  []topicRate         `json:"topics"`
	Count   int                 `json:"count"` // topics that were seen, at least
	Others  topicRate           `json:"others"`
	Origins map[string][]string `json:"origins"` // of publishers, by the numbers of their connections
}

// begin begins to count.
func (c *census) begin() {
	c.mu.Lock()
	c.topics, c.peers = map[string]*topicCount{}, map[uint64][]string{}
	c.counted, c.others, c.began = 0, topicCount{}, time.Now()
	c.mu.Unlock()
	c.passed.Store(0)
	c.part.Store(math.MaxUint32)
	c.tap.Set(c.see)
}

// end ends the counting, and forgets the tables.
func (c *census) end() {
	c.tap.Set(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics, c.peers = nil, nil
}

func (c *census) see(peer uint64, b *batch.Batch) {
	c.passed.Add(int64(b.Len()))
	if rand.Uint32() > c.part.Load() { //nolint:gosec // no secret
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.topics == nil || c.counted >= 2*censusRate { // a burst after a quiet interval
		return
	}
	c.counted += int64(b.Len())
	for i := range b.Len() {
		c.count(b.Message(i))
	}
	c.noteOrigin(peer, b.Message(0))
}

// count counts one message. The caller holds mu.
func (c *census) count(msg []byte) {
	topic := batch.Topic(msg)
	t := c.topics[string(topic)]
	switch {
	case t != nil:
	case len(c.topics) >= censusTopics, len(topic) > censusLength:
		t = &c.others
	default:
		t = &topicCount{}
		c.topics[string(topic)] = t
	}
	t.messages++
	t.bytes += int64(len(msg))
}

// noteOrigin notes who sends through a connection. The caller holds mu.
func (c *census) noteOrigin(peer uint64, msg []byte) {
	known := c.peers[peer]
	if len(known) >= censusOrigins || known == nil && len(c.peers) >= censusPeers {
		return
	}
	_, rest, more, ok := batch.NextFrame(msg)
	if !ok || !more {
		return
	}
	origin, _, _, ok := batch.NextFrame(rest)
	if name := shown(origin); ok && !slices.Contains(known, name) {
		c.peers[peer] = append(known, name)
	}
}

// take is what has passed since begin, or since take before.
func (c *census) take(now time.Time) topicReport {
	c.mu.Lock()
	passed := c.passed.Swap(0)
	topics, others, counted, seconds := c.topics, c.others, c.counted, now.Sub(c.began).Seconds()
	c.topics, c.others, c.counted, c.began = make(map[string]*topicCount, len(topics)), topicCount{}, 0, now
	origins := map[string][]string{}
	for peer, names := range c.peers {
		origins[strconv.FormatUint(peer, 10)] = slices.Clone(names)
	}
	c.mu.Unlock()

	c.part.Store(partOf(passed, seconds))
	times := 1.0
	if counted > 0 && passed > counted {
		times = float64(passed) / float64(counted)
	}
	return reportOf(topics, others, times, topicReport{Seconds: seconds, Exact: counted >= passed, Origins: origins})
}

// partOf is the part of batches to look at in an interval like the one in which passed came.
func partOf(passed int64, seconds float64) uint32 {
	if allowed := censusRate * seconds; float64(passed) > allowed {
		return uint32(allowed / float64(passed) * math.MaxUint32)
	}
	return math.MaxUint32
}

// reportOf adds to a report the topics with the most messages, and all others together.
func reportOf(topics map[string]*topicCount, others topicCount, times float64, r topicReport) topicReport {
	type named struct {
		frame string
		topicCount
	}
	var all []named
	for frame, t := range topics {
		all = append(all, named{frame, *t})
	}
	slices.SortFunc(all, func(a, b named) int {
		return cmp.Or(cmp.Compare(b.messages, a.messages), cmp.Compare(a.frame, b.frame))
	})
	r.Count, r.Topics = len(all), []topicRate{}
	for i, t := range all {
		if i >= shownTopics {
			others.messages += t.messages
			others.bytes += t.bytes
			continue
		}
		r.Topics = append(r.Topics, topicRate{shown([]byte(t.frame)), float64(t.messages) * times, float64(t.bytes) * times})
	}
	r.Others = topicRate{"", float64(others.messages) * times, float64(others.bytes) * times}
	return r
}

// shown is a frame with a topic or an origin, for people.
func shown(frame []byte) string {
	if wire.Valid(frame) {
		frame = wire.Text(frame, nil)
	}
	if len(frame) > shownName {
		return string(frame[:shownName]) + "…"
	}
	return string(frame)
}
