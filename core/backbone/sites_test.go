package backbone_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

func TestOnlyWhatIsWantedCrosses(t *testing.T) {
	s := sitesAt(t, natsServer(t, &server.Options{}).ClientURL(), 3)
	here := newReceiver(t, s[0].office, "")
	r1, r2 := newReceiver(t, s[1].office, "one/"), newReceiver(t, s[2].office, "two/x")
	wanted(t, s[0], 2)
	p := newPublisher(t, s[0].office, "pub")
	const n = 500
	for i := range n {
		for _, topic := range []string{"one/a", "two/x", "two/y", "three"} {
			require.NoError(t, p.Publish(topic, "", fmt.Append(nil, i)))
		}
	}
	inOrder(t, collect(t, r1, n), 0)
	inOrder(t, collect(t, r2, n), 0)
	collect(t, here, 4*n)
	for _, r := range []*core.Receiver{here, r1, r2} {
		lossless(t, r)
		nothing(t, r)
	}
	first := balanced(t, s[0].backbone, s[0].office)
	require.EqualValues(t, []any{4 * n, 2 * n, 2 * n, 0},
		[]any{int(first.Given), int(first.OutMessages), int(first.Unwanted), int(first.Arrived)})
	require.EqualValues(t, n, balanced(t, s[1].backbone, s[1].office).Arrived, "NATS brings this site nothing else")
	require.EqualValues(t, n, balanced(t, s[2].backbone, s[2].office).InMessages)
}

// TestWhatOnlyAnotherSiteTakesIsNotUnwanted in the counters of the post office, message for message.
func TestWhatOnlyAnotherSiteTakesIsNotUnwanted(t *testing.T) {
	for _, engine := range engines() {
		t.Run(engine, func(t *testing.T) {
			s := sitesAt(t, natsServer(t, &server.Options{}).ClientURL(), 2, "engine", engine)
			here, there := newReceiver(t, s[0].office, "here/"), newReceiver(t, s[1].office, "there/")
			both := newReceiver(t, s[1].office, "here/both")
			wanted(t, s[0], 2)
			eventually(t, "the receiver has not subscribed", func() bool { return s[0].backbone.Stats().InterestLocal == 1 })
			p := newPublisher(t, s[0].office, "pub")
			const n = 1000
			for i := range n {
				for _, topic := range []string{"here/a", "here/both", "there/a", "here/a"} {
					require.NoError(t, p.Publish(topic, "", fmt.Append(nil, i)))
				}
			}
			collect(t, here, 3*n)
			inOrder(t, collect(t, there, n), 0)
			inOrder(t, collect(t, both, n), 0)
			at := s[0].office.Stats()
			require.EqualValues(t, []any{4 * n, 4 * n, 0, 0}, []any{int(at.InMessages), int(at.OutMessages), int(at.Unwanted), int(at.Dropped)})
			require.Equal(t, at.InBytes, at.OutBytes)
			got := balanced(t, s[0].backbone, s[0].office)
			require.EqualValues(t, []any{4 * n, 2 * n, 2 * n}, []any{int(got.Given), int(got.OutMessages), int(got.Unwanted)})
			balanced(t, s[1].backbone, s[1].office)
		})
	}
}

// TestNothingOfABackboneIsLeft after it was closed.
func TestNothingOfABackboneIsLeft(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	po := newOffice(t)
	use := func() {
		b, err := backbone.Join(po, backbone.Options{Servers: []string{url}})
		require.NoError(t, err)
		require.NoError(t, b.WaitReady(soon))
		require.NoError(t, b.Close())
		b, err = backbone.Join(po, backbone.Options{Embedded: &backbone.Server{Listen: "127.0.0.1:0"}})
		require.NoError(t, err)
		require.NoError(t, b.Close())
		b, err = backbone.Join(po, backbone.Options{Servers: []string{"nats://127.0.0.1:1"}})
		require.NoError(t, err)
		require.NoError(t, b.Close())
	}
	use()
	eventually(t, "goroutines are left", func() bool {
		before := runtime.NumGoroutine()
		use()
		return runtime.NumGoroutine() <= before
	})
}

// TestEverySiteHearsEveryOtherOnce: three sites, with a publisher and a receiver of everything at each.
func TestEverySiteHearsEveryOtherOnce(t *testing.T) {
	for _, engine := range engines() {
		t.Run(engine, func(t *testing.T) {
			s := sitesAt(t, natsServer(t, &server.Options{}).ClientURL(), 3, "engine", engine)
			const n = 3000
			var receivers []*core.Receiver
			for _, x := range s {
				receivers = append(receivers, newReceiver(t, x.office, ""))
			}
			for _, x := range s {
				wanted(t, x, 1)
			}
			var all sync.WaitGroup
			for i, x := range s {
				p := newPublisher(t, x.office, fmt.Sprintf("pub%d", i))
				all.Go(func() {
					for k := range n {
						_ = p.Publish(fmt.Sprintf("t%d/%d", i, k%3), "", fmt.Append(nil, k))
					}
				})
			}
			for _, r := range receivers {
				next := map[string]int{}
				for _, e := range collect(t, r, 3*n) {
					require.Equal(t, fmt.Sprint(next[e.Origin]), string(e.Data), "the order of %s", e.Origin)
					next[e.Origin]++
				}
				lossless(t, r)
			}
			all.Wait()
			for i, x := range s {
				got := balanced(t, x.backbone, x.office)
				require.EqualValues(t, []any{n, 2 * n}, []any{int(got.OutMessages), int(got.InMessages)}, "site %d", i)
				nothing(t, receivers[i])
			}
		})
	}
}

func TestAPostOfficeMayStopAndStartAgain(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	a, err := core.NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	atA := join(t, a, backbone.Options{Servers: []string{url}, Site: "a"})
	b := sitesAt(t, url, 1)[0]
	for round := range 3 {
		require.NoError(t, a.Start())
		r := newReceiver(t, a, "t")
		wanted(t, b, 1)
		p := newPublisher(t, b.office, fmt.Sprint("pub", round))
		publish(t, p, "t", 0, 100)
		inOrder(t, collect(t, r, 100), 0)
		back := newReceiver(t, b.office, "back")
		wanted(t, site{a, atA}, 1)
		q := newPublisher(t, a, fmt.Sprint("back", round))
		publish(t, q, "back", 0, 100)
		inOrder(t, collect(t, back, 100), 0)
		require.NoError(t, p.Close())
		require.NoError(t, back.Close())
		require.NoError(t, a.Stop(soon))
		wanted(t, b, 0)
		wanted(t, site{a, atA}, 0)
	}
	balanced(t, atA, a)
	balanced(t, b.backbone, b.office)
}

// TestWhatIsOnItsWayIsSentAtAStop: what a publisher has flushed before its post office stops arrives.
func TestWhatIsOnItsWayIsSentAtAStop(t *testing.T) {
	s := sitesAt(t, natsServer(t, &server.Options{}).ClientURL(), 2)
	r := newReceiver(t, s[1].office, "t")
	wanted(t, s[0], 1)
	p := newPublisher(t, s[0].office, "pub")
	const n = 50_000
	publish(t, p, "t", 0, n)
	require.NoError(t, p.Stop(soon))
	require.NoError(t, s[0].office.Stop(soon))
	inOrder(t, collect(t, r, n), 0)
	lossless(t, r)
	require.EqualValues(t, n, balanced(t, s[0].backbone, s[0].office).OutMessages)
}

func TestASiteThatLeavesIsForgotten(t *testing.T) {
	s := sitesAt(t, natsServer(t, &server.Options{}).ClientURL(), 2)
	newReceiver(t, s[1].office, "t")
	wanted(t, s[0], 1)
	require.NoError(t, s[1].backbone.Close())
	require.NoError(t, s[1].backbone.Close())
	wanted(t, s[0], 0)
	require.Zero(t, s[0].backbone.Stats().Sites)
	for _, want := range []string{"backbone_connected", "backbone_site_came", "backbone_site_left"} {
		require.Equal(t, want, nextEvent(t, s[0].backbone, want).Kind)
	}
	nextEvent(t, s[1].backbone, "backbone_left")
	_, err := s[1].backbone.NextEvent(0)
	require.Equal(t, core.ESTOPPED, core.CodeOf(err))
	require.Equal(t, core.ESTOPPED, core.CodeOf(s[1].backbone.WaitReady(time.Minute)))
}

// nextEvent waits for an event of a kind.
func nextEvent(t testing.TB, b *backbone.Backbone, kind string) core.Event {
	t.Helper()
	for end := time.Now().Add(soon); ; {
		e, err := b.NextEvent(time.Until(end))
		require.NoError(t, err, "waiting for %s", kind)
		if e.Kind == kind {
			return e
		}
	}
}

// TestStateCrossesOnlyForThoseThatNameIt: what post offices and publishers publish of themselves, and other
// topics with a dollar sign, come to a site that subscribes to them, and to no other.
func TestStateCrossesOnlyForThoseThatNameIt(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	all := sitesAt(t, url, 2)
	named, everything := all[0], all[1]
	from := site{office: newOffice(t, "stats.name", "from", "stats.interval", "20ms")}
	from.backbone = join(t, from.office, backbone.Options{Servers: []string{url}, Site: "from"})
	acquainted(t, append(all, from))
	blind := newReceiver(t, everything.office, "")
	w := newReceiver(t, named.office, "$hermes/postoffice/from/")
	sees := newReceiver(t, named.office, "$x")
	wanted(t, from, 3)
	p := newPublisher(t, from.office, "pub")
	require.NoError(t, p.WaitReady(soon))
	const n = 1000
	for i := range n {
		publish(t, p, "$x", i, i+1)
		publish(t, p, "t", i, i+1)
	}
	inOrder(t, collect(t, sees, n), 0)
	inOrder(t, collect(t, blind, n), 0)
	for _, e := range collect(t, w, 1) {
		require.Equal(t, "from", e.Origin)
	}
	nothing(t, blind)
	require.EqualValues(t, n, balanced(t, everything.backbone, everything.office).InMessages, "nothing else has crossed")
}
