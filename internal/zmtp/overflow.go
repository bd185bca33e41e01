package zmtp

import (
	"sort"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// How a peer's queue makes room by removing what is old: the overflow policies DropOld and
// LatestPerTopic. With them the queue of a peer has two parts:
//
//	part                   holds
//	sendBuffer.spanQueue   the front: what is being written, and commands
//	sendBuffer.backlog     the backlog: messages that can be removed
//
// Rules:
//  1. A message is added to the backlog. Before each write, the holder of the writing flag
//     moves the oldest messages to the front (advance): as many as one write takes, and at
//     most a share of the bounds, so that most of the queue can be removed even during a
//     write that blocks.
//  2. Nothing is removed from the front. What the kernel has taken in part goes out whole.
//  3. A command goes to the front at once. It is never removed, and overtakes the backlog.
//  4. Both parts together stay within the bounds, except that the newest message always
//     finds room: of a queue that is full of it and of the front alone, all else is removed.
//  5. A message that is removed before it was ever queued, because newer ones of the same
//     Send fill the queue, counts as queued and removed.
//
// The mutex of the sendBuffer guards the backlog.

// backlog is the part of a peer's queue from which messages can be removed.
type backlog struct {
	// The messages, and no commands. While conflating.on, its spans are empty, and messages
	// and bytes are the sums over conflating. The bounds are what the front leaves, see limit.
	spanQueue
	latest     bool // LatestPerTopic, not DropOld
	conflating conflating

	old       uint64    // messages removed because they were the oldest
	conflated uint64    // messages removed because a newer one of their topic came
	all       *removals // of all peers
}

// removals counts the messages that an outlet has removed from the queues of its peers,
// those that have left included.
type removals struct{ old, conflated atomic.Uint64 }

// newBacklog returns the backlog that a policy needs; nil if it removes nothing.
func newBacklog(overflow carrier.Overflow, all *removals) *backlog {
	if overflow != carrier.DropOld && overflow != carrier.LatestPerTopic {
		return nil
	}
	return &backlog{latest: overflow == carrier.LatestPerTopic, all: all}
}

// limit sets the bounds to what the front leaves of those of the whole queue.
func (k *backlog) limit(messages int, bytes int64) {
	k.maxMessages, k.maxBytes = max(messages, 1), bytes
}

// add queues the messages [i, j) of b, for which there is room; see spanQueue.add.
func (k *backlog) add(b *batch.Batch, i, j int, copied bool) {
	if !k.conflating.on {
		k.spanQueue.add(b, i, j, copied)
		return
	}
	defer k.report(k.old, k.conflated)
	k.conflate(b, i, j)
}

// displace queues the messages [i, j) of b, for which there is no room, and removes others
// for that.
func (k *backlog) displace(b *batch.Batch, i, j int, copied bool) {
	defer k.report(k.old, k.conflated)
	if k.latest {
		k.freeze()
		k.conflate(b, i, j)
		return
	}
	first, end := i, b.Ends[j-1]
	for first < j-1 && (j-first > k.maxMessages || int64(end-b.Start(first)) > k.maxBytes) {
		first++
	}
	if first > i {
		k.evict(k.messages, 0) // they are older than those of this Send that do not fit
		k.old += uint64(first - i)
	}
	k.evict(k.messages+j-first-k.maxMessages, k.bytes+int64(end-b.Start(first))-k.maxBytes)
	k.spanQueue.add(b, first, j, copied)
}

// evict removes the oldest messages: at least so many, with at least so many bytes together,
// or else all.
func (k *backlog) evict(messages int, bytes int64) {
	for k.messages > 0 && (messages > 0 || bytes > 0) {
		s := &k.spans[k.head]
		ends := s.b.Ends[s.first:s.last]
		last := sort.Search(len(ends)-1, func(i int) bool { return i+1 >= messages && int64(ends[i]-s.off) >= bytes })
		size := ends[last] - s.off
		k.written(size)
		k.old += uint64(last + 1)
		messages -= last + 1
		bytes -= int64(size)
	}
}

// report adds what has been removed, since the counters had these values, to those of all peers.
func (k *backlog) report(old, conflated uint64) {
	k.all.old.Add(k.old - old)
	k.all.conflated.Add(k.conflated - conflated)
}

// advance moves the oldest messages to the front, until that holds so many messages or bytes,
// or as many spans as one write takes. One message goes into a front that has none, however
// big it is.
func (k *backlog) advance(front *spanQueue, messages int, bytes int64) {
	for k.messages > 0 && len(front.spans)-front.head < maxVector {
		n := k.nextRun(messages-front.messages, bytes-front.bytes)
		if n == 0 && front.messages > 0 {
			return
		}
		front.push(k.take(max(n, 1)))
	}
}

// nextRun reports how many messages of the first span are not more than so many messages and
// bytes. There must be one.
func (k *backlog) nextRun(messages int, bytes int64) int {
	s := k.first()
	ends := s.b.Ends[s.first:s.last]
	ends = ends[:min(len(ends), max(messages, 0))]
	return sort.Search(len(ends), func(i int) bool { return int64(ends[i]-s.off) > bytes })
}

// first is the span that begins with the oldest message. There must be one.
func (k *backlog) first() *span {
	if k.conflating.on {
		return k.conflating.newest.Oldest()
	}
	return &k.spans[k.head]
}

// take removes the first n messages of the first span, and passes them to the caller.
func (k *backlog) take(n int) span {
	if k.conflating.on && k.messages <= k.conflating.resume {
		k.thaw()
	}
	if k.conflating.on {
		return k.pop()
	}
	s := &k.spans[k.head]
	t := *s
	if n < s.last-s.first {
		t.last = s.first + n
		t.end = s.b.Ends[t.last-1]
		t.b.Retain()
		s.off, s.first = t.end, t.last
	} else {
		s.b = nil
		k.head++
	}
	k.messages -= t.last - t.first
	k.bytes -= int64(t.end - t.off)
	k.compact()
	return t
}

// discard empties the backlog and releases everything.
func (k *backlog) discard() {
	for k.conflating.on && k.messages > 0 {
		k.pop().b.Release()
	}
	k.conflating = conflating{}
	k.spanQueue.discard()
}
