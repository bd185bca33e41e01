package backbone

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/interest"
	"github.com/hermes-zmq/hermes/internal/relay"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
)

// link is the backbone as the relay of the post office sees it, over all its runs.
//
// Locks: screen.turn is taken before all of these. running is held while a batch is delivered, and taken first; wanting is taken before the
// locks of the port, and before audience; audience before the lock of the outqueue. The relay calls
// with its own locks held, which are therefore before all of these but running.
type link struct {
	local      *interest.Set // what local receivers want
	exports    trie.Set      // empty: everything
	exportList [][]byte      // the same
	queue      outqueue
	screen     screen
	flush      func(*deadline.StopLimit) // waits until NATS has what was sent
	durable    *durableTopics            // nil: none

	running sync.Mutex
	port    relay.Port // of the present run; nil: none. Guarded by running

	wanting sync.Mutex
	wants   relay.Port // the same port, for what other sites want. Guarded by wanting

	audience sync.RWMutex
	wanted   trie.Set // by other sites; guarded by audience
}

var _ relay.Link = (*link)(nil)

// Begin implements relay.Link.
func (l *link) Begin(p relay.Port) {
	l.running.Lock()
	l.port = p
	l.running.Unlock()
	l.wanting.Lock()
	defer l.wanting.Unlock()
	l.wants = p
	l.wanted.Each(func(prefix []byte, _ int) { p.Want(prefix) }) // changed with wanting held only
	l.queue.open(true)
	l.durable.begin(p.Caches())
}

// Subscribe implements relay.Link.
func (l *link) Subscribe(prefix []byte) { l.local.Add(prefix) }

// Unsubscribe implements relay.Link.
func (l *link) Unsubscribe(prefix []byte) { l.local.Remove(prefix) }

// Joins implements relay.Link.
func (l *link) Joins(office string) bool { return l.screen.ways.Redundant([]string{office}) }

// review is called when Joins may report something else.
func (l *link) review() {
	l.wanting.Lock()
	port := l.wants
	l.wanting.Unlock()
	if port != nil {
		port.Review()
	}
}

// Route implements relay.Link.
func (l *link) Route(own string, peers map[uint64][]string) { l.screen.route(own, peers) }

// Screen implements relay.Link.
func (l *link) Screen() bool { return l.screen.active.Load() }

// Admit implements relay.Link.
func (l *link) Admit(peer uint64, b *batch.Batch, pass func(admitted *batch.Batch, local bool)) {
	l.screen.turn.Lock()
	defer l.screen.turn.Unlock()
	admitted, local := l.screen.admit(peer, b)
	if admitted == nil {
		return
	}
	pass(admitted, local)
	if admitted != b {
		admitted.Release()
	}
}

// Send implements relay.Link.
func (l *link) Send(b *batch.Batch, missed []bool) (messages int, bytes int64) {
	messages, bytes, _ = l.send(b, false, missed)
	return messages, bytes
}

// SendRetained implements relay.Storer.
func (l *link) SendRetained(b *batch.Batch, missed []bool) (messages int, bytes int64, durable bool) {
	return l.send(b, true, missed)
}

func (l *link) send(b *batch.Batch, kept bool, missed []bool) (messages int, bytes int64, durable bool) {
	messages, bytes, durable = l.durable.send(b, kept, missed)
	l.audience.RLock()
	defer l.audience.RUnlock()
	alone, size := l.queue.put(b, missed, l.judge)
	return messages + alone, bytes + size, durable
}

// judge says what is to become of the messages of a topic. The caller holds audience.
func (l *link) judge(topic []byte) verdict {
	switch {
	case l.exports.Len() > 0 && !systemtopic.Match(&l.exports, topic):
		return denied
	case l.durable.match(topic):
		return elsewhere
	case !systemtopic.Match(&l.wanted, topic):
		return unwanted
	}
	return send
}

// want notes that another site wants a prefix, or that none does any more.
func (l *link) want(prefix []byte, yes bool) {
	l.wanting.Lock()
	defer l.wanting.Unlock()
	if !l.count(prefix, yes) || l.wants == nil {
		return
	}
	if yes {
		l.wants.Want(prefix)
	} else {
		l.wants.Unwant(prefix)
	}
}

// count reports whether the prefix is new, or was the last one.
func (l *link) count(prefix []byte, yes bool) (changed bool) {
	l.audience.Lock()
	defer l.audience.Unlock()
	if yes {
		return l.wanted.Add(prefix)
	}
	last, _ := l.wanted.Remove(prefix)
	return last
}

// End implements relay.Link.
func (l *link) End(limit *deadline.StopLimit) {
	l.wanting.Lock()
	l.wants = nil
	l.wanting.Unlock()
	limit.Await(l.queue.empty.Opened())
	l.queue.open(false)
	l.queue.giveUp()
	l.flush(limit)
	l.screen.route("", nil)
	l.running.Lock()
	defer l.running.Unlock()
	l.port = nil
}

// deliver gives a batch of other sites to the relay, and reports whether there is one.
func (l *link) deliver(b *batch.Batch) bool {
	l.running.Lock()
	defer l.running.Unlock()
	if l.port == nil {
		return false
	}
	l.port.Deliver(b)
	return true
}
