//go:build interop

package interop

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// A PUB does not report subscriptions. So the test subscribes to probes last, and has the PUB
// send numbered probes until one of them arrives: by then all earlier subscriptions are
// processed, and all earlier messages sent.
const (
	probes  = "probe/"
	silence = "silence/" // precedes every probe; no test subscribes to it
)

var counter atomic.Int64

// ask subscribes to prefixes and waits until the foreign peer has processed that.
func ask(t *testing.T, c cell, i *inlet, s *foreignPeer, prefixes ...string) {
	t.Helper()
	i.subscribe(t, prefixes...)
	settle(t, s, i, func(alone bool) bool { return true })
	if c.theyReport() {
		for _, prefix := range prefixes {
			requireSubscription(t, s, "\x01"+prefix)
		}
	}
}

// give ends a subscription and waits until the foreign peer has processed that.
func give(t *testing.T, c cell, i *inlet, s *foreignPeer, prefix string) {
	t.Helper()
	i.unsubscribe(t, prefix)
	// While everything is subscribed to, probes arrive in any case, with the silence.
	settle(t, s, i, func(alone bool) bool { return alone })
	if c.theyReport() {
		requireSubscription(t, s, "\x00"+prefix)
	}
}

// settle subscribes to probes of its own until one arrives that will do.
func settle(t *testing.T, s *foreignPeer, i *inlet, willDo func(alone bool) bool) {
	t.Helper()
	topic := fmt.Sprint(probes, counter.Add(1), "/")
	i.subscribe(t, topic)
	eventually(t, func() bool {
		requireAlive(t, s)
		n := fmt.Sprint(counter.Add(1))
		s.send(message{silence + n}, message{topic + n})
		arrived, alone := latestProbe(i, topic)
		return arrived && willDo(alone)
	}, "a probe")
	i.unsubscribe(t, topic)
}

// latestProbe reports whether a probe has arrived, and whether the latest one came without
// the silence of the same number.
func latestProbe(i *inlet, topic string) (arrived, alone bool) {
	got := i.received()
	for k := len(got) - 1; k >= 0; k-- {
		if n, ok := strings.CutPrefix(got[k][0], topic); ok {
			return true, k == 0 || got[k-1][0] != silence+n
		}
	}
	return false, false
}

// requireSubscription waits until an XPUB has received a subscription.
func requireSubscription(t *testing.T, s *foreignPeer, what string) {
	t.Helper()
	eventually(t, func() bool {
		for _, m := range s.received() {
			if same(m, message{what}) {
				return true
			}
		}
		return false
	}, "the foreign peer is to receive %q", what)
}

// requireGet waits for messages at an inlet of ours, and for no others.
func requireGet(t *testing.T, i *inlet, want []message) {
	t.Helper()
	eventually(t, func() bool { return len(withoutProbes(i)) >= len(want) }, "%d messages", len(want))
	requireSame(t, want, withoutProbes(i))
}

func withoutProbes(i *inlet) (rest []message) {
	for _, m := range i.received() {
		if !strings.HasPrefix(m[0], probes) && !strings.HasPrefix(m[0], silence) {
			rest = append(rest, m)
		}
	}
	return rest
}

// getExact: everything that is subscribed to arrives, in order, and nothing else.
func getExact(t *testing.T, c cell) {
	ours, s := c.inlets(t, 1)
	ask(t, c, ours[0], s, "tick/")
	want := ticks("tick/", many)
	for _, some := range chunks(want, 700) {
		s.send(some...)
		s.send(ticks("tack/", 2)...)
	}
	requireGet(t, ours[0], want)
	require.Zero(t, ours[0].count(carrier.Disconnected, ""))
	require.Contains(t, []string{"PUB", "XPUB"}, ours[0].Peers()[0].Type)
}

// getEdges: messages of every form arrive unchanged.
func getEdges(t *testing.T, c cell) {
	ours, s := c.inlets(t, 1)
	ask(t, c, ours[0], s, "")
	small, big := edges()
	want := append(append(small, big), small...)
	s.send(want...)
	requireGet(t, ours[0], want)
	require.Zero(t, ours[0].count(carrier.Disconnected, ""))
}

// getPrefixes: subscriptions come and go, and the foreign peer sends accordingly.
func getPrefixes(t *testing.T, c cell) {
	ours, s := c.inlets(t, 1)
	i := ours[0]
	a, ab, b := message{"a", "1"}, message{"ab", "2"}, message{"b", "3"}
	var want []message
	send := func(wanted ...message) {
		t.Helper()
		s.send(a, ab, b)
		want = append(want, wanted...)
		requireGet(t, i, want)
		ask(t, c, i, s) // all of it is processed before the next subscription
	}
	ask(t, c, i, s, "ab")
	send(ab)
	ask(t, c, i, s, "a")
	send(a, ab)
	give(t, c, i, s, "ab")
	send(a, ab)
	ask(t, c, i, s, "")
	send(a, ab, b)
	give(t, c, i, s, "")
	give(t, c, i, s, "a")
	send()
	ask(t, c, i, s, "b")
	send(b)
}

// getTwo: two of our sockets subscribe differently to one foreign peer.
func getTwo(t *testing.T, c cell) {
	ours, s := c.inlets(t, 2)
	ask(t, c, ours[0], s, "one/", "both/")
	ask(t, c, ours[1], s, "two/", "both/")
	both, one, two := ticks("both/", 200), ticks("one/", 200), ticks("two/", 200)
	var want [2][]message
	for i := range both {
		s.send(both[i], one[i], two[i])
		want[0] = append(want[0], both[i], one[i])
		want[1] = append(want[1], both[i], two[i])
	}
	requireGet(t, ours[0], want[0])
	requireGet(t, ours[1], want[1])
}

// getAfterTheyRestart: a foreign peer is killed, and another one replaces it.
func getAfterTheyRestart(t *testing.T, c cell) {
	ours, s := c.inlets(t, 1)
	i := ours[0]
	i.subscribe(t, "tick/")
	var want []message
	for round := 1; round <= rounds; round++ {
		ask(t, c, i, s)
		if c.theyReport() {
			requireSubscription(t, s, "\x01tick/")
		}
		some := ticks("tick/", 50+round)
		s.send(some...)
		want = append(want, some...)
		requireGet(t, i, want)
		s.kill()
		eventually(t, func() bool { return i.count(carrier.Disconnected, "") == round && len(i.Peers()) == 0 }, "there is no peer")
		if c.theyBind() {
			s = c.start(t, s.Ready[0])
		} else {
			s = c.start(t, i.Endpoints()[0])
		}
	}
}

// getAfterWeRestart: the foreign peer connects again, or our socket does, which subscribes
// again.
func getAfterWeRestart(t *testing.T, c cell) {
	ours, s := c.inlets(t, 1)
	i, at := ours[0], s.Ready[0]
	for round := range rounds {
		ask(t, c, i, s, "tick/")
		want := ticks("tick/", 50+round)
		s.send(want...)
		requireGet(t, i, want)
		i.Close()
		i = openInlet(t, c, !c.theyBind(), at)
	}
}
