package relay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/flow"
)

// fakeLink keeps what is done with it.
type fakeLink struct {
	port          Port
	joins         map[string]bool
	subscriptions map[string]int
	own           string
	peers         map[uint64][]string
	screen, local bool
	admit         func(b *batch.Batch) *batch.Batch
	from          uint64
	sent          int
	take          func(topic string) bool
	ended         int
	before        func() // called by End
}

func (l *fakeLink) Begin(p Port)                          { l.port = p; l.subscriptions = map[string]int{} }
func (l *fakeLink) Subscribe(p []byte)                    { l.subscriptions[string(p)]++ }
func (l *fakeLink) Unsubscribe(p []byte)                  { l.subscriptions[string(p)]-- }
func (l *fakeLink) Joins(office string) bool              { return l.joins[office] }
func (l *fakeLink) Route(o string, p map[uint64][]string) { l.own, l.peers = o, p }
func (l *fakeLink) Screen() bool                          { return l.screen }
func (l *fakeLink) End(*deadline.StopLimit) {
	l.ended++
	if l.before != nil {
		l.before()
	}
}

func (l *fakeLink) Admit(peer uint64, b *batch.Batch, pass func(*batch.Batch, bool)) {
	l.from = peer
	if admitted := l.admit(b); admitted != nil {
		pass(admitted, l.local)
	}
}

func (l *fakeLink) Send(b *batch.Batch, missed []bool) (messages int, bytes int64) {
	l.sent += b.Len()
	for i, m := range missed {
		if m && l.take(string(batch.Topic(b.Message(i)))) {
			messages++
			bytes += int64(len(b.Message(i)))
		}
	}
	return messages, bytes
}

// now lists what is subscribed to.
func (l *fakeLink) now() (out []string) {
	for p, n := range l.subscriptions {
		if n > 0 {
			out = append(out, p)
		}
	}
	return out
}

// selective is an outlet whose peers take some topics.
type selective struct {
	fakeOutlet
	takes func(topic string) bool
}

func (o *selective) SendNoting(_ *flow.Source, b *batch.Batch, missed []bool) (t carrier.Tally) {
	for i := range b.Len() {
		if o.takes(string(batch.Topic(b.Message(i)))) {
			t.Sent++
			t.SentBytes += int64(len(b.Message(i)))
			continue
		}
		missed[i] = true
		t.NoPeer++
	}
	return t
}

func messages(topics ...string) *batch.Batch {
	b := batch.Get()
	for _, t := range topics {
		b.AppendFrame([]byte(t), false)
	}
	return b
}

func TestALinkIsToldWhatTheInletIs(t *testing.T) {
	g := &rig{}
	r, err := Open(g.config(in, out, debug))
	require.NoError(t, err)
	g.out.cfg.OnEvent(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte("a")})
	l := &fakeLink{}
	r.Join(l)
	require.Equal(t, []string{"a"}, l.now(), "what was subscribed to before")
	require.Equal(t, r.cycles.own, l.own)
	g.out.cfg.OnEvent(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte("b")})
	g.out.cfg.OnEvent(carrier.Event{Kind: carrier.Unsubscribed, Prefix: []byte("a")})
	require.Equal(t, []string{"b"}, l.now())
	require.Equal(t, []string{"b"}, g.in.now())

	l.port.Want([]byte("other"))
	l.port.Want([]byte("b"))
	require.ElementsMatch(t, []string{"b", "other"}, g.in.now())
	require.Equal(t, []string{"b"}, l.now(), "what others want is not told to the link")
	g.out.cfg.OnEvent(carrier.Event{Kind: carrier.Unsubscribed, Prefix: []byte("b")})
	require.ElementsMatch(t, []string{"b", "other"}, g.in.now(), "the others still want it")
	l.port.Unwant([]byte("b"))
	require.Equal(t, []string{"other"}, g.in.now())

	require.NoError(t, g.in.cfg.OnRoute(7, []string{"x", "y"}))
	require.Equal(t, map[uint64][]string{7: {"x", "y"}}, l.peers)
	g.in.cfg.OnEvent(carrier.Event{Kind: carrier.Disconnected, Peer: 7})
	require.Empty(t, l.peers)
}

func TestWhatOnlyTheLinkTakesIsNotUnwanted(t *testing.T) {
	g := &rig{}
	r, err := Open(g.config(in, out, debug))
	require.NoError(t, err)
	r.out = &selective{takes: func(topic string) bool { return topic == "here" || topic == "both" }}
	l := &fakeLink{take: func(topic string) bool { return topic == "there" || topic == "both" }}
	r.Join(l)
	b := messages("here", "both", "there", "nowhere")
	defer b.Release()
	g.in.cfg.DeliverFrom(flow.New(1, "", true), b)
	size := uint64(len(b.Message(0)) + len(b.Message(1)) + len(b.Message(2)))
	require.Equal(t, Counts{InMessages: 4, InBytes: uint64(b.Size()), OutMessages: 3, OutBytes: size, Unwanted: 1}, g.counters.Now())
	require.Equal(t, [2]int{4, 4}, [2]int{l.sent, g.debug.sent})

	l.port.Deliver(b)
	require.Equal(t, [2]int{4, 8}, [2]int{l.sent, g.debug.sent}, "what comes from the link does not return to it")
	n := g.counters.Now()
	require.EqualValues(t, 8, n.InMessages)
	require.Equal(t, n.InMessages, n.OutMessages+n.Unwanted+n.Dropped)
}

func TestALinkScreensWhatArrives(t *testing.T) {
	g := &rig{}
	r, err := Open(g.config(in, out, ""))
	require.NoError(t, err)
	other := messages("other")
	defer other.Release()
	l := &fakeLink{admit: func(*batch.Batch) *batch.Batch { return nil }}
	r.Join(l)
	b := messages("one", "two")
	defer b.Release()
	s := flow.New(9, "", true)
	g.in.cfg.DeliverFrom(s, b)
	require.Equal(t, 2, g.out.sent, "it is not asked")
	l.screen = true
	g.in.cfg.DeliverFrom(s, b)
	require.Equal(t, 2, g.out.sent)
	require.EqualValues(t, 9, l.from)
	l.admit = func(*batch.Batch) *batch.Batch { return other }
	g.in.cfg.DeliverFrom(s, b)
	require.Equal(t, []int{3, 3}, []int{g.out.sent, l.sent})
	l.local = true
	g.in.cfg.DeliverFrom(s, b)
	require.Equal(t, []int{4, 3}, []int{g.out.sent, l.sent}, "it is for local subscribers only")
	l.local = false
	l.admit = func(b *batch.Batch) *batch.Batch { return b }
	g.in.cfg.DeliverFrom(s, b)
	require.Equal(t, []int{6, 5}, []int{g.out.sent, l.sent})
	require.EqualValues(t, 6, g.counters.Now().InMessages, "what is not admitted is counted by the link")
}

func TestALinkEndsWhenNothingArrivesAnyMore(t *testing.T) {
	g := &rig{}
	r, err := Open(g.config(in, out, ""))
	require.NoError(t, err)
	l := &fakeLink{}
	r.Join(l)
	g.out.cfg.OnEvent(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte("a")})
	l.port.Want([]byte("b"))
	l.before = func() { require.True(t, g.in.closed && !g.out.closed.Load()) }
	var limit deadline.StopLimit
	limit.Begin(-1)
	require.Zero(t, r.Stop(&limit))
	require.Equal(t, 1, l.ended)
	require.Empty(t, g.in.now())
	require.Empty(t, l.now())
	r.Join(l)
	require.Equal(t, 1, l.ended)
	require.Nil(t, r.joint.now.Load(), "a relay that has stopped begins no link")
}

func TestALinkMayLeaveAndAnotherJoin(t *testing.T) {
	g := &rig{}
	r, err := Open(g.config(in, out, ""))
	require.NoError(t, err)
	g.out.cfg.OnEvent(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte("a")})
	first, second := &fakeLink{}, &fakeLink{}
	r.Join(first)
	first.port.Want([]byte("b"))
	var limit deadline.StopLimit
	limit.Begin(-1)
	r.Leave(&limit)
	r.Leave(&limit)
	require.Equal(t, 1, first.ended)
	require.Equal(t, []string{"a"}, g.in.now())
	require.Empty(t, first.now())
	r.Join(second)
	require.Equal(t, []string{"a"}, second.now())
	b := messages("x")
	defer b.Release()
	g.in.cfg.DeliverFrom(flow.New(1, "", true), b)
	require.Equal(t, [2]int{0, 1}, [2]int{first.sent, second.sent})
}
