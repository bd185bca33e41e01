//go:build interop

package interop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

const (
	many   = 10_000 // messages, of which the order is looked at
	rounds = 2      // before and after a restart
)

// sendExact: everything that is subscribed to arrives, in order, and nothing else.
func sendExact(t *testing.T, c cell) {
	o, them := c.outlet(t, 1)
	them[0].order("subscribe", "tick/")
	o.waitFor(t, carrier.Subscribed, "tick/", 1)
	want := ticks("tick/", many)
	for _, some := range chunks(want, 700) {
		require.Equal(t, len(some), o.send(some...).Sent)
		require.Equal(t, 2, o.send(ticks("tack/", 2)...).Unwanted)
	}
	requireArrive(t, them[0], want)
	require.Zero(t, o.count(carrier.Disconnected, ""))
	require.Contains(t, []string{"SUB", "XSUB"}, o.Peers()[0].Type)
}

// sendEdges: messages of every form arrive unchanged.
func sendEdges(t *testing.T, c cell) {
	o, them := c.outlet(t, 1)
	them[0].order("subscribe", "")
	o.waitFor(t, carrier.Subscribed, "", 1)
	small, big := edges()
	for _, m := range small {
		require.Equal(t, 1, o.send(m).Sent)
	}
	require.Equal(t, len(small)+1, o.send(append(small, big)...).Sent)
	requireArrive(t, them[0], append(append(small, small...), big))
	require.Zero(t, o.count(carrier.Disconnected, ""))
}

// sendPrefixes: subscriptions come and go, and each counts from then on.
func sendPrefixes(t *testing.T, c cell) {
	o, them := c.outlet(t, 1)
	s := them[0]
	a, ab, b := message{"a", "1"}, message{"ab", "2"}, message{"b", "3"}
	var want []message
	send := func(wanted ...message) {
		t.Helper()
		tally := o.send(a, ab, b)
		require.Equal(t, []int{len(wanted), 3 - len(wanted)}, []int{tally.Sent, tally.Unwanted})
		want = append(want, wanted...)
		requireArrive(t, s, want) // before the subscriptions change: a SUB filters too
	}
	s.order("subscribe", "ab")
	o.waitFor(t, carrier.Subscribed, "ab", 1)
	send(ab)
	s.order("subscribe", "a")
	o.waitFor(t, carrier.Subscribed, "a", 1)
	send(a, ab)
	s.order("unsubscribe", "ab")
	o.waitFor(t, carrier.Unsubscribed, "ab", 1)
	send(a, ab)
	s.order("subscribe", "")
	o.waitFor(t, carrier.Subscribed, "", 1)
	send(a, ab, b)
	s.order("unsubscribe", "")
	o.waitFor(t, carrier.Unsubscribed, "", 1)
	s.order("unsubscribe", "a")
	o.waitFor(t, carrier.Unsubscribed, "a", 1)
	send()
	s.order("subscribe", "b")
	o.waitFor(t, carrier.Subscribed, "b", 1)
	send(b)
}

// sendToTwo: each of two gets what it subscribes to.
func sendToTwo(t *testing.T, c cell) {
	o, them := c.outlet(t, 2)
	for i, prefix := range []string{"one/", "two/"} {
		them[i].order("subscribe", prefix)
		them[i].order("subscribe", "both/")
		o.waitFor(t, carrier.Subscribed, prefix, 1)
	}
	eventually(t, func() bool {
		peers := o.Peers()
		return len(peers) == 2 && peers[0].Subscriptions == 2 && peers[1].Subscriptions == 2
	}, "four subscriptions")
	both, one, two := ticks("both/", 200), ticks("one/", 200), ticks("two/", 200)
	var want [2][]message
	for i := range both {
		require.Equal(t, 3, o.send(both[i], one[i], two[i]).Sent)
		want[0] = append(want[0], both[i], one[i])
		want[1] = append(want[1], both[i], two[i])
	}
	requireArrive(t, them[0], want[0])
	requireArrive(t, them[1], want[1])
}

// sendAfterTheyRestart: a foreign peer is killed, and another one replaces it.
func sendAfterTheyRestart(t *testing.T, c cell) {
	o, them := c.outlet(t, 1)
	s := them[0]
	for round := 1; round <= rounds; round++ {
		s.order("subscribe", "tick/")
		o.waitFor(t, carrier.Subscribed, "tick/", round)
		want := ticks("tick/", 50)
		require.Equal(t, len(want), o.send(want...).Sent)
		requireArrive(t, s, want)
		s.kill()
		o.waitFor(t, carrier.Unsubscribed, "tick/", round)
		eventually(t, func() bool { return o.send(want[0]).NoPeer == 1 }, "there is no peer")
		if c.theyBind() {
			s = c.start(t, s.Ready[0])
		} else {
			s = c.start(t, o.Endpoints()[0])
		}
	}
}

// sendAfterWeRestart: the foreign peer connects again, or our socket does, and the foreign peer
// subscribes again.
func sendAfterWeRestart(t *testing.T, c cell) {
	o, them := c.outlet(t, 1)
	s := them[0]
	at := s.Ready[0]
	s.order("subscribe", "tick/")
	s.order("subscribe", "tack/")
	var want []message
	for round := range rounds {
		o.waitFor(t, carrier.Subscribed, "tick/", 1)
		o.waitFor(t, carrier.Subscribed, "tack/", 1)
		some := ticks("tick/", 50+round)
		require.Equal(t, len(some), o.send(some...).Sent)
		want = append(want, some...)
		requireArrive(t, s, want)
		o.Close(time.Second)
		o = openOutlet(t, c, !c.theyBind(), at)
	}
}

// requireArrive waits for messages at a foreign peer, and for no others.
func requireArrive(t *testing.T, s *foreignPeer, want []message) {
	t.Helper()
	eventually(t, func() bool {
		requireAlive(t, s)
		return len(s.received()) >= len(want)
	}, "%d messages", len(want))
	requireSame(t, want, s.received())
}

func requireAlive(t *testing.T, s *foreignPeer) {
	t.Helper()
	select {
	case <-s.ended:
		require.Fail(t, "the foreign peer has ended")
	default:
	}
}
