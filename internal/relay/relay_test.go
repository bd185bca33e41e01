package relay

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/lastvalue"
	"github.com/hermes-zmq/hermes/internal/notify"
)

// fakeOutlet is an outlet that keeps what is done with it.
type fakeOutlet struct {
	cfg     carrier.OutletConfig
	sent    int
	limit   int
	unsent  int
	closed  atomic.Bool // Close may be called by two goroutines
	offices []string
}

func (o *fakeOutlet) Send(b *batch.Batch) carrier.Tally {
	o.sent += b.Len()
	return carrier.Tally{Sent: b.Len()}
}
func (o *fakeOutlet) Idle() bool                       { return true }
func (o *fakeOutlet) Limit(messages int, _ int64)      { o.limit = messages }
func (o *fakeOutlet) Endpoints() []string              { return o.cfg.Bind }
func (o *fakeOutlet) Peers() []carrier.Peer            { return nil }
func (o *fakeOutlet) Close(time.Duration) (unsent int) { o.closed.Store(true); return o.unsent }
func (o *fakeOutlet) AnnounceRoute(offices []string)   { o.offices = offices }

// fakeInlet counts the subscriptions that are made at it.
type fakeInlet struct {
	cfg           carrier.InletConfig
	subscriptions map[string]int
	closed        bool
}

func (i *fakeInlet) Subscribe(p []byte) error   { i.subscriptions[string(p)]++; return nil }
func (i *fakeInlet) Unsubscribe(p []byte) error { i.subscriptions[string(p)]--; return nil }
func (i *fakeInlet) Endpoints() []string        { return i.cfg.Bind }
func (i *fakeInlet) Peers() []carrier.Peer      { return nil }
func (i *fakeInlet) Close()                     { i.closed = true }

// now lists what is subscribed to.
func (i *fakeInlet) now() (out []string) {
	for p, n := range i.subscriptions {
		if n > 0 {
			out = append(out, p)
		}
	}
	return out
}

// rig is the fake sockets of a post office, which a Relay opens.
type rig struct {
	in         *fakeInlet
	out, debug *fakeOutlet
	refuse     map[carrier.Type]error
	peers      []carrier.Event
	events     []notify.Event
	counters   Counters
	limit      int
}

func (r *rig) Supports(string) error { return nil }

func (r *rig) OpenOutlet(cfg carrier.OutletConfig) (carrier.Outlet, error) {
	if err := r.refuse[cfg.Type]; err != nil {
		return nil, err
	}
	o := &fakeOutlet{cfg: cfg}
	if cfg.Type == carrier.PUB {
		r.debug = o
	} else {
		r.out = o
	}
	return o, nil
}

func (r *rig) OpenInlet(cfg carrier.InletConfig) (carrier.Inlet, error) {
	if err := r.refuse[cfg.Type]; err != nil {
		return nil, err
	}
	r.in = &fakeInlet{cfg: cfg, subscriptions: map[string]int{}}
	return r.in, nil
}

func (r *rig) config(in, out, debug string) Config {
	list := func(text string) (l address.List) {
		if text != "" {
			l, _ = address.ParseList(text, true)
		}
		return l
	}
	return Config{
		Who: "post office", In: list(in), Out: list(out), Debug: list(debug), Engine: "auto", Counters: &r.counters,
		Pick: func(address.List) (carrier.Opener, error) { return r, nil },
		Socket: func(typ carrier.Type, a address.List) carrier.Config {
			return carrier.Config{Type: typ, Bind: a.Bind, Connect: a.Connect}
		},
		Limit:   func() (int, int64) { return r.limit, 1 << 20 },
		OnPeer:  func(_ carrier.Type, _ address.List, e carrier.Event) { r.peers = append(r.peers, e) },
		OnEvent: func(e notify.Event) { r.events = append(r.events, e) },
	}
}

const (
	in    = "tcp://127.0.0.1:6000"
	out   = "tcp://127.0.0.1:6001"
	debug = "tcp://127.0.0.1:6002"
)

func TestARelayPassesOnWhatComesAndAsksForWhatIsWanted(t *testing.T) {
	g := &rig{}
	r, err := Open(g.config(in, out, debug))
	require.NoError(t, err)
	b := batch.Get()
	defer b.Release()
	b.AppendFrame([]byte("one"), false)
	b.AppendFrame([]byte("two"), false)
	g.in.cfg.DeliverFrom(flow.New(1, "", true), b)
	require.Equal(t, [2]int{2, 2}, [2]int{g.out.sent, g.debug.sent})
	require.EqualValues(t, 2, g.counters.Now().OutMessages)

	g.out.cfg.OnEvent(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte("a")})
	require.Equal(t, []string{"a"}, g.in.now())
	g.debug.cfg.OnEvent(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte("d")})
	require.Equal(t, []string{"a"}, g.in.now(), "the debug side asks for nothing")

	g.limit = 7
	r.Limit()
	require.Equal(t, [2]int{7, 7}, [2]int{g.out.limit, g.debug.limit})

	g.out.unsent = 1
	var limit deadline.StopLimit
	limit.Begin(-1)
	require.Equal(t, 1, r.Stop(&limit))
	require.Empty(t, g.in.now(), "the subscriptions are taken back")
	require.True(t, g.in.closed && g.out.closed.Load() && g.debug.closed.Load())
	require.EqualValues(t, 1, g.counters.Now().Dropped)
}

func TestPeersAtTheWrongSideAreRedirected(t *testing.T) {
	g := &rig{}
	_, err := Open(g.config("tcp://0.0.0.0:6000", "tcp://*:6001", ""))
	require.NoError(t, err)
	require.Contains(t, g.in.cfg.Redirect("SUB", "10.0.0.7"), "receivers connect to tcp://*:6001")
	require.Contains(t, g.out.cfg.Redirect("PUB", "10.0.0.7"), "publishers connect to tcp://10.0.0.7:6000")
	require.Empty(t, g.in.cfg.Redirect("PUB", "10.0.0.7"))
}

func TestACircleIsAnnounced(t *testing.T) {
	g := &rig{}
	_, err := Open(g.config(in, out, ""))
	require.NoError(t, err)
	require.Len(t, g.out.offices, 1)
	err = g.in.cfg.OnRoute(1, g.out.offices)
	require.ErrorIs(t, err, errCycle)
	for range 3 {
		g.in.cfg.OnEvent(carrier.Event{Kind: carrier.Disconnected, Cause: carrier.CauseCycle, Address: "tcp://a:1", Reason: err.Error()})
	}
	require.Len(t, g.events, 1)
	require.Equal(t, "cycle", g.events[0].Kind)
	require.Contains(t, g.events[0].Text, "tcp://a:1")
	require.Len(t, g.peers, 3)
}

func TestAddressesThatLeadBackAreRefused(t *testing.T) {
	for _, sides := range [][3]string{
		{">" + out, out, ""},
		{in, ">" + in, ""},
		{">" + debug, out, debug},
		{in, out, ">" + in},
	} {
		g := &rig{}
		_, err := Open(g.config(sides[0], sides[1], sides[2]))
		require.Equal(t, errs.EADDRESS, errs.CodeOf(err), sides)
		require.ErrorContains(t, err, "endlessly")
		require.True(t, g.in.closed && g.out.closed.Load(), "what was open is closed")
	}
	_, err := Open((&rig{}).config(in, in, ""))
	require.Equal(t, errs.EADDRINUSE, errs.CodeOf(err))
	require.ErrorContains(t, err, in+" is both the incoming and the outgoing address")
}

func TestASideThatCannotBeOpenedClosesTheOthers(t *testing.T) {
	g := &rig{refuse: map[carrier.Type]error{carrier.XSUB: errors.New("a reason")}}
	_, err := Open(g.config(in, out, debug))
	require.ErrorContains(t, err, "a reason")
	require.True(t, g.out.closed.Load() && g.debug.closed.Load())

	g = &rig{refuse: map[carrier.Type]error{carrier.XPUB: carrier.ErrUnsupported}}
	cfg := g.config(in, out, "")
	cfg.Cache = lastvalue.New(lastvalue.Config{Depth: 1, Bytes: 1000})
	_, err = Open(cfg)
	require.Equal(t, errs.ENOTSUP, errs.CodeOf(err))
	require.ErrorContains(t, err, "cache.depth")
}
