package backbone_test

import (
	"net"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// follow makes a post office whose incoming side follows others.
func follow(t testing.TB, url, name string, others ...string) site {
	t.Helper()
	in := "tcp://127.0.0.1:*"
	for _, o := range others {
		in += ",>" + o
	}
	po := officeAt(t, in, "tcp://127.0.0.1:*", "engine", "zmtp", "reconnect.min", "10ms")
	if url == "" {
		return site{office: po}
	}
	return site{po, join(t, po, backbone.Options{Servers: []string{url}, Site: name})}
}

// TestADirectConnectionBesideTheBackboneGivesNoCopies: b follows a, and both are sites.
func TestADirectConnectionBesideTheBackboneGivesNoCopies(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	a := follow(t, url, "a")
	b := follow(t, url, "b", get(t, a.office, "endpoint.out"))
	acquainted(t, []site{a, b})
	r := newReceiver(t, b.office, "t")
	wanted(t, a, 1)
	eventually(t, "b does not follow a", func() bool {
		return len(a.office.Stats().Subscribers) == 1 && a.office.Stats().Subscribers[0].Subscriptions == 1
	})
	p := newPublisher(t, a.office, "pub")
	const n, few = 5000, 500 // no more at a time than the queues of the backbone have room for
	for sent := 0; sent < n; sent += few {
		publish(t, p, "t", sent, sent+few)
		inOrder(t, collect(t, r, few), sent)
		eventually(t, "one copy of each is not dropped", func() bool {
			s := b.backbone.Stats()
			return s.DroppedRedundantDirect+s.DroppedRedundant == uint64(sent+few)
		})
	}
	nothing(t, r)
	lossless(t, r)
	require.Zero(t, balanced(t, b.backbone, b.office).Given, "the other sites get it from a")

	// Without the backbone, the direct connection serves.
	require.NoError(t, a.backbone.Close())
	eventually(t, "a is not forgotten", func() bool { return b.backbone.Stats().Sites == 0 })
	publish(t, p, "t", n, 2*n)
	inOrder(t, collect(t, r, n), n)
	lossless(t, r)
}

// TestADirectConnectionServesWhileNATSIsAway, and gives no copies when that is back.
func TestADirectConnectionServesWhileNATSIsAway(t *testing.T) {
	first := natsServer(t, &server.Options{})
	a := follow(t, first.ClientURL(), "a")
	b := follow(t, first.ClientURL(), "b", get(t, a.office, "endpoint.out"))
	acquainted(t, []site{a, b})
	r := newReceiver(t, b.office, "t")
	wanted(t, a, 1)
	eventually(t, "b does not follow a", func() bool {
		return len(a.office.Stats().Subscribers) == 1 && a.office.Stats().Subscribers[0].Subscriptions == 1
	})
	p := newPublisher(t, a.office, "pub")
	publish(t, p, "t", 0, 100)
	inOrder(t, collect(t, r, 100), 0)
	port := first.Addr().(*net.TCPAddr).Port
	first.Shutdown()
	first.WaitForShutdown()
	nextEvent(t, a.backbone, "backbone_disconnected")
	nextEvent(t, b.backbone, "backbone_disconnected")
	publish(t, p, "t", 100, 200)
	inOrder(t, collect(t, r, 100), 100)

	natsServer(t, &server.Options{Port: port})
	require.NoError(t, a.backbone.WaitReady(soon))
	require.NoError(t, b.backbone.WaitReady(soon))
	i, before := 200, b.backbone.Stats()
	eventually(t, "it does not come both ways", func() bool {
		publish(t, p, "t", i, i+1)
		i++
		s := b.backbone.Stats()
		return s.Arrived > before.Arrived && s.DroppedRedundant+s.DroppedRedundantDirect > before.DroppedRedundant+before.DroppedRedundantDirect
	})
	eventually(t, "some is missing", func() bool { s := r.Stats(); return int(s.Arrived+s.Lost) >= i-1 })
	require.Zero(t, r.Stats().Duplicates)
	balanced(t, a.backbone, a.office)
	balanced(t, b.backbone, b.office)
}

// TestACommonPostOfficeBehindTwoSitesGivesNoCopies: a and b follow x, which is no site; c is one more site.
func TestACommonPostOfficeBehindTwoSitesGivesNoCopies(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	x := follow(t, "", "")
	out := get(t, x.office, "endpoint.out")
	a, b, c := follow(t, url, "a", out), follow(t, url, "b", out), follow(t, url, "c")
	all := []site{a, b, c}
	acquainted(t, all)
	ra, rb, rc := newReceiver(t, a.office, "t"), newReceiver(t, b.office, "t"), newReceiver(t, c.office, "t")
	for _, s := range all {
		wanted(t, s, 1)
	}
	eventually(t, "a and b do not follow x", func() bool {
		subscribed := 0
		for _, p := range x.office.Stats().Subscribers {
			subscribed += p.Subscriptions
		}
		return subscribed == 2
	})
	p := newPublisher(t, x.office, "pub")
	const n = 5000
	publish(t, p, "t", 0, n)
	receivers := []*core.Receiver{ra, rb, rc}
	for _, r := range receivers {
		inOrder(t, collect(t, r, n), 0)
	}
	// Where a has a message from b before it has it from x, it does not send it once more, and the other way round.
	eventually(t, "both copies have not come", func() bool {
		return c.backbone.Stats().Arrived+a.backbone.Stats().DroppedRedundantDirect+b.backbone.Stats().DroppedRedundantDirect == 2*n
	})
	for i, s := range all {
		balanced(t, s.backbone, s.office)
		nothing(t, receivers[i])
		lossless(t, receivers[i])
	}
	require.Equal(t, c.backbone.Stats().Arrived-n, c.backbone.Stats().DroppedRedundant)
}

// TestInterestEndsWithItsReceiversBesideADirectConnection: b follows a, so each of them wants of the other what
// that one wants.
func TestInterestEndsWithItsReceiversBesideADirectConnection(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	a := follow(t, url, "a")
	b, c := follow(t, url, "b", get(t, a.office, "endpoint.out")), follow(t, url, "c")
	all := []site{a, b, c}
	acquainted(t, all)
	for _, at := range all {
		r := newReceiver(t, at.office, "t")
		for _, x := range all {
			if x != at {
				wanted(t, x, 1)
			}
		}
		eventually(t, "b does not want it of a", func() bool {
			return len(a.office.Stats().Subscribers) > 0 && a.office.Stats().Subscribers[0].Subscriptions > 0
		})
		require.NoError(t, r.Close())
		for _, x := range all {
			wanted(t, x, 0)
		}
		eventually(t, "b still follows a", func() bool {
			s := a.office.Stats().Subscribers
			return len(s) == 1 && s[0].Subscriptions == 0
		})
	}
	// A post office that is no site, and one that was a site, want by a what they want.
	d := follow(t, "", "", get(t, a.office, "endpoint.out"))
	newReceiver(t, d.office, "d")
	wanted(t, c, 1)
	newReceiver(t, b.office, "b")
	wanted(t, c, 2)
	require.NoError(t, b.backbone.Close())
	wanted(t, a, 0)
	wanted(t, c, 2)
	p := newPublisher(t, c.office, "pub")
	eventually(t, "what c sends is not asked for", func() bool { return len(p.Stats().Peers) == 1 && p.Stats().Peers[0].Subscriptions == 2 })
}
