package backbone

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/hermes-zmq/hermes/internal/backlog"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/durable"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/interest"
	"github.com/hermes-zmq/hermes/internal/relay"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// Messages of durable topics take another way than all others, which package durable has: they never
// enter the outqueue, and come by no subscription of the subscriber. They are subscribed to at the
// publishers whether any receiver wants them or not, and every site that has them as durable gets all.
//
// durableTopics is nil-safe: a backbone without durable topics has nil. Its lock is that of link.

type durableTopics struct {
	site    *durable.Site
	link    *link
	history *durable.History
}

// openDurable takes over the backlog, if there are durable topics.
func (b *Backbone) openDurable() error {
	if len(b.o.Durable) == 0 {
		if b.o.Backlog != (Backlog{}) {
			return errs.Errorf(errs.EINVAL, "%s: Backlog is for durable topics, and none is named in Durable", b.who)
		}
		return nil
	}
	if e := b.o.Embedded; e != nil && e.Store == "" && e.Listen == "" {
		return errs.Errorf(errs.EINVAL, "%s: durable topics need JetStream: name a directory as Store of its own NATS server", b.who)
	}
	c := durable.Config{
		Name: b.o.Site, Space: b.space, Backlog: backlog.Options{Dir: b.o.Backlog.Dir, MaxBytes: b.o.Backlog.MaxBytes},
		QueueMessages: b.o.QueueMessages, QueueBytes: b.o.QueueBytes,
		Deliver: b.link.deliver, Keep: b.link.keep, OnProblem: b.noteDurable,
	}
	if b.inbox.imports.Len() > 0 {
		c.Admit = func(topic []byte) bool { return systemtopic.Match(&b.inbox.imports, topic) }
	}
	for _, t := range b.o.Durable {
		c.Topics = append(c.Topics, durable.Topics{Prefix: t.Prefix, MaxAge: t.MaxAge, MaxBytes: t.MaxBytes, MaxMessages: t.MaxMessages, Replicas: t.Replicas,
			SendOnly: !b.mayEnter(t.Prefix)})
	}
	site, err := durable.Open(c)
	if err != nil {
		return err
	}
	for _, p := range site.Prefixes() {
		b.link.wanted.Add(p) // for good
	}
	b.link.durable = &durableTopics{site, &b.link, site.History(b.link.settle, b.link.exported, b.link.exportsSome)}
	return nil
}

// mayEnter reports whether any topic with this prefix may enter the site.
func (b *Backbone) mayEnter(prefix string) bool {
	for _, p := range b.o.Import {
		if strings.HasPrefix(p, prefix) || strings.HasPrefix(prefix, p) {
			return true
		}
	}
	return len(b.o.Import) == 0
}

// noteDurable is told why durable topics wait, or "" that they work; urgent: and that messages are dropped.
func (b *Backbone) noteDurable(text string, urgent bool) {
	b.waits.note(text, urgent)
	b.tellDurable()
}

// tellDurable tells it as an event.
func (b *Backbone) tellDurable() {
	b.waits.tell(func(level, text string) { b.add("backbone_problem", level, b.who+": "+text) })
}

// connect sends and receives from now on.
func (d *durableTopics) connect(conn *nats.Conn) error {
	if d == nil {
		return nil
	}
	return d.site.Connect(conn)
}

// begin is called when the post office begins a run.
func (d *durableTopics) begin(caches bool) {
	if d == nil {
		return
	}
	d.site.EndWaits(false)
	if caches {
		d.site.Restart()
	}
}

// match reports whether a topic is durable.
func (d *durableTopics) match(topic []byte) bool { return d != nil && d.site.Match(topic) }

// send takes the durable messages of a batch; see relay.Link.Send, and relay.Storer.SendRetained for kept.
func (d *durableTopics) send(b *batch.Batch, kept bool, missed []bool) (messages int, bytes int64, durable bool) {
	if d == nil {
		return 0, 0, false
	}
	want := func(i int) bool { return d.link.exported(batch.Topic(b.Message(i))) }
	if d.link.exports.Len() == 0 {
		want = nil
	}
	durable = d.site.Send(b, kept, want, func(i, size int) {
		if missed != nil && missed[i] {
			messages++
			bytes += int64(size)
		}
	})
	return messages, bytes, durable
}

// close sends what waits, within limit; the rest stays in the backlog.
func (d *durableTopics) close(limit *deadline.StopLimit, connected bool) error {
	if d == nil {
		return nil
	}
	if left, _ := limit.Left(); left > 0 && connected {
		ctx, cancel := context.WithTimeout(context.Background(), left)
		d.site.Flush(ctx)
		cancel()
	}
	return d.site.Close()
}

// tooLong is how many messages were longer than NATS takes.
func (d *durableTopics) tooLong() uint64 {
	if d == nil {
		return 0
	}
	return d.site.TooLong()
}

// count fills in the counters of durable topics.
func (d *durableTopics) count(s *Stats) {
	if d == nil {
		return
	}
	n := d.site.Stats()
	s.DurableGiven, s.DurableResumed, s.DurableAppended, s.DurableOut, s.Resent = n.Taken, n.Resumed, n.Appended, n.Out, n.Resent
	s.DurableWaiting, s.DurableWaitingBytes = n.Waiting, n.WaitingBytes
	s.DurableDroppedQueueFull, s.DurableDroppedBacklogFull, s.DurableDroppedError = n.DroppedQueueFull, n.DroppedFull, n.DroppedError
	s.DurableDroppedDamaged, s.DurableDroppedTooLong = n.DroppedDamaged, n.DroppedTooLong
	s.DurableIn, s.DurableInBytes, s.DurableDuplicates = n.In, n.InBytes, n.Duplicates
	s.DurableDroppedDeniedIn, s.DurableDroppedMalformed = n.DroppedDenied, n.DroppedMalformed
}

// History implements relay.Historian.
func (l *link) History() carrier.History {
	if l.durable == nil {
		return nil // a nil pointer would not be a nil interface
	}
	return l.durable.history
}

var _ relay.Storer = (*link)(nil)

// Durable implements relay.Storer.
func (l *link) Durable() [][]byte {
	if l.durable == nil {
		return nil
	}
	return l.durable.site.Prefixes()
}

// AwaitRoom implements relay.Storer.
func (l *link) AwaitRoom(b *batch.Batch) { l.durable.site.AwaitRoom(b) }

// EndWaits implements relay.Storer.
func (l *link) EndWaits() { l.durable.site.EndWaits(true) }

// Given implements relay.Storer.
func (l *link) Given() uint64 { return l.durable.site.Given() }

// Stored implements relay.Storer.
func (l *link) Stored() uint64 { return l.durable.site.Stored() }

// OnStored implements relay.Storer.
func (l *link) OnStored(f func()) { l.durable.site.OnStored(f) }

// exported reports whether messages of a topic may leave the site.
func (l *link) exported(topic []byte) bool { return l.exports.Len() == 0 || l.exports.Match(topic) }

// exportsSome reports whether messages of any topic that begins with prefix may leave the site.
func (l *link) exportsSome(prefix []byte) bool {
	return len(interest.Within(prefix, l.exportList)) > 0
}

// settle waits until what the post office was relaying has been given to the link.
func (l *link) settle(ctx context.Context) error {
	l.wanting.Lock() // running is held for as long as a delivery takes
	port := l.wants
	l.wanting.Unlock()
	if port == nil {
		return nil
	}
	return port.Settle(ctx)
}

// keep puts a batch into the cache of last values, and reports whether the post office runs.
func (l *link) keep(b *batch.Batch) bool {
	l.running.Lock()
	defer l.running.Unlock()
	if l.port == nil {
		return false
	}
	l.port.Keep(b)
	return true
}
