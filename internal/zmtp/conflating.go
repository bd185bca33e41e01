package zmtp

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// conflating is what a backlog turns into when it is full and the policy is LatestPerTopic:
// the newest message of each topic, in the order in which these came. It becomes spans again
// once it holds at most half as many messages as were queued when it filled up.
//
// A message that fills a good part of its batch keeps that batch. All others are copied to
// arenas, in the order of the queue. A message that is removed leaves a gap there, which is
// memory that the queue keeps alive for nothing; where the gaps become too many, all messages
// that are copied are copied once more.
//
// The mutex of the sendBuffer guards it.
type conflating struct {
	on     bool
	newest queue.Newest[span] // of one message each
	resume int                // the number of messages at which it becomes spans again
	gaps   int64              // bytes of messages removed from shared arenas since these were last compacted
}

// shared reports whether the message of s lies in an arena with others, or with much unused
// room.
func (s *span) shared() bool { return 2*(s.end-s.off) < s.b.Held() }

// freeze turns the spans into the newest message of each topic.
func (k *backlog) freeze() {
	if k.conflating.on {
		return
	}
	k.conflating.on = true
	k.conflating.resume = max(k.messages/2, 1)
	spans := k.spans[k.head:]
	k.messages, k.bytes = 0, 0
	for _, s := range spans {
		for i := s.first; i < s.last; i++ {
			s.b.Retain()
			k.keepNewest(span{s.b, s.b.Start(i), s.b.Ends[i], i, i + 1})
		}
		s.b.Release()
	}
	clear(spans)
	k.spans, k.head = k.spans[:0], 0
	k.closeGaps()
}

// conflate queues the messages [i, j) of b, each in the place of an older one of its topic,
// and removes the oldest ones for which there is no room.
func (k *backlog) conflate(b *batch.Batch, i, j int) {
	for ; i < j; i++ {
		k.keepNewest(k.hold(b, i))
		for k.messages > 1 && (k.messages > k.maxMessages || k.bytes > k.maxBytes) {
			k.remove(k.pop())
			k.old++
		}
		k.closeGaps()
	}
}

// hold returns message i of b as a span of its own.
func (k *backlog) hold(b *batch.Batch, i int) span {
	s := span{b, b.Start(i), b.Ends[i], i, i + 1}
	if s.shared() {
		return k.copyOf(s)
	}
	b.Retain()
	return s
}

// copyOf copies the message of s to the arena.
func (k *backlog) copyOf(s span) span {
	own := k.arena(s.end - s.off)
	own.AppendMessage(s.b.Buf[s.off:s.end])
	own.Retain()
	last := own.Len()
	return span{own, own.Start(last - 1), len(own.Buf), last - 1, last}
}

// keepNewest adds a message, which it takes over, and removes an older one of its topic.
func (k *backlog) keepNewest(s span) {
	k.messages++
	k.bytes += int64(s.end - s.off)
	old, replaced := k.conflating.newest.Put(topic(s.b, s.off, s.end), s)
	if replaced {
		k.messages--
		k.bytes -= int64(old.end - old.off)
		k.remove(old)
		k.conflated++
	}
}

// pop takes the oldest message off the queue, and passes it to the caller. There must be one.
func (k *backlog) pop() span {
	s := k.conflating.newest.Pop()
	k.messages--
	k.bytes -= int64(s.end - s.off)
	return s
}

// remove releases a message that is no longer queued.
func (k *backlog) remove(s span) {
	if s.shared() {
		k.conflating.gaps += int64(s.end - s.off)
	}
	s.b.Release()
}

// closeGaps copies all messages that lie in arenas once more, where the gaps between them are
// more than what is queued, or than what the bound leaves. Near the bound they may be a
// quarter, so that every byte is copied a few times at most.
func (k *backlog) closeGaps() {
	c := &k.conflating
	if c.gaps <= queue.Slack/2+max(k.bytes/4, min(k.bytes, k.maxBytes-k.bytes)) {
		return
	}
	c.gaps = 0
	k.releaseArena()
	c.newest.Each(func(s *span) {
		if s.shared() {
			from := *s
			*s = k.copyOf(from)
			from.b.Release()
		}
	})
}

// thaw turns the newest messages into spans again.
func (k *backlog) thaw() {
	k.messages, k.bytes = 0, 0
	for c := &k.conflating; c.newest.Len() > 0; {
		k.push(c.newest.Pop())
	}
	k.conflating = conflating{}
}
