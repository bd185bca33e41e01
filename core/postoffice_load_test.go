package core

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/invariants"
)

func TestAPostOfficeStartsAndStopsAThousandTimes(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		fds, routines := countFDs(t), 0
		for i := range 1000 {
			po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
			require.NoError(t, err)
			set(t, po, "engine", engine)
			require.NoError(t, po.Start())
			require.NoError(t, po.Stop(0))
			require.NoError(t, po.Close())
			if i == 10 {
				fds, routines = countFDs(t), runtime.NumGoroutine()
			}
		}
		require.Eventually(t, func() bool {
			return countFDs(t) <= fds+2 && runtime.NumGoroutine() <= routines+2
		}, soon, 10*time.Millisecond, "descriptors %d, goroutines %d", fds, routines)
	})
}

// TestAConnectionFloodThatTakesAllDescriptors of a post office: it goes on serving
// the peers that are connected, reports what it cannot do, and serves all peers again
// when the flood is over.
func TestAConnectionFloodThatTakesAllDescriptors(t *testing.T) {
	po := newCaptive(t, 96)
	p := newPublisher(t, "zmtp", po.in)
	r := newReceiver(t, "zmtp", po.out, "on_slow", "ignore")
	require.NoError(t, p.WaitReady(soon))
	sent := 0
	serve := func(r *Receiver) {
		t.Helper()
		publishNumbers(t, p, "a", sent, sent+100)
		for _, e := range collect(t, r, 100) {
			require.Equal(t, fmt.Sprint(sent), string(e.Data))
			sent++
		}
	}
	serve(r)
	require.Equal(t, "0 <nil>", po.answer("open"))

	for range 3 {
		var flood []net.Conn
		for i := range 200 {
			endpoint := []string{po.in, po.out}[i%2]
			c, err := net.DialTimeout("tcp", strings.TrimPrefix(endpoint, "tcp://"), soon)
			if err != nil {
				break // its backlog is full as well
			}
			flood = append(flood, c)
		}
		require.Greater(t, len(flood), 96)
		require.Eventually(t, func() bool { return strings.HasPrefix(po.answer("open"), "-18 ") }, soon, pollEvery)
		require.Contains(t, po.answer("open"), "cannot open a socket: too many open files")
		serve(r)
		for _, c := range flood {
			_ = c.Close()
		}
		require.Eventually(t, func() bool { return po.answer("open") == "0 <nil>" }, soon, 50*time.Millisecond)
		// What was opened has gone again, and is not taken for the late one.
		require.Eventually(t, func() bool { return len(po.stats().Subscribers) == 1 }, soon, pollEvery)
		late := newReceiver(t, "zmtp", po.out, "on_slow", "ignore")
		require.Eventually(t, func() bool { return subscribed(po.stats()) == 2 }, soon, pollEvery)
		serve(r)
		collect(t, late, 100)
		require.NoError(t, late.Close())
		require.Eventually(t, func() bool { return len(po.stats().Subscribers) == 1 }, soon, pollEvery)
	}
	require.Zero(t, r.Stats().Lost)
	require.NoError(t, po.ask.Close())
	require.Equal(t, "<nil>", po.line(), "it closes well")
	require.NoError(t, po.cmd.Wait())
}

// collectWatching is collect with a look at something now and then.
func collectWatching(t testing.TB, r *Receiver, n int, look func()) (out []Envelope) {
	t.Helper()
	for len(out) < n {
		out = append(out, collect(t, r, min(n-len(out), 2000))...)
		look()
	}
	return out
}

// followers is how many prefixes all receivers of a post office follow, and all
// publishers are asked for.
func followers(po *PostOffice, p *Publisher) (followed, asked int) {
	for _, s := range po.Stats().Subscribers {
		followed += s.Subscriptions
	}
	for _, s := range p.Stats().Peers {
		asked += s.Subscriptions
	}
	return followed, asked
}

// longest is how long a test waits for work of which there is much.
const longest = 10 * soon

// TestAHundredThousandSubscriptions, of one receiver and of many, come, serve, and go
// again, while others are served. They cost memory in proportion, which comes back.
func TestAHundredThousandSubscriptions(t *testing.T) {
	all := 100_000
	if invariants.Enabled { // each of which takes ranked locks, which are slow
		all = 10_000
	}
	for _, receivers := range []int{1, 20} {
		t.Run(fmt.Sprint(receivers), func(t *testing.T) {
			before := heapInUse()
			po := newOffice(t, "zmtp", "cache.depth", "1", "cache.topics", "topic/1")
			p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
			other := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), "on_slow", "ignore")
			require.NoError(t, other.Subscribe("other"))
			served := 0
			serve := func() {
				publishNumbers(t, p, "other", served, served+10)
				for _, e := range collect(t, other, 10) {
					require.Equal(t, fmt.Sprint(served), string(e.Data))
					served++
				}
			}
			require.Eventually(t, func() bool { n, _ := followers(po, p); return n == 1 }, soon, pollEvery)
			serve()
			many := make([]*Receiver, receivers)
			for i := range many {
				r, err := NewReceiver(get(t, po, "endpoint.out"), "many")
				require.NoError(t, err)
				set(t, r, "on_slow", "ignore")
				require.NoError(t, r.Subscribe("nothing/"))
				require.NoError(t, r.Start())
				defer r.Close()
				many[i] = r
			}
			topic := func(i int) string { return fmt.Sprintf("topic/%06d/", i) }
			for i := range all {
				require.NoError(t, many[i%receivers].Subscribe(topic(i)))
				if i%10_000 == 0 {
					serve()
				}
			}
			require.Eventually(t, func() bool { n, asked := followers(po, p); return n == all+1+receivers && asked >= all }, longest, pollEvery)
			serve()
			for _, i := range []int{0, 1, all / 2, all - 1} {
				publishNumbers(t, p, topic(i)+"x", i, i+1)
				require.Equal(t, fmt.Sprint(i), string(collect(t, many[i%receivers], 1)[0].Data))
			}
			// The receiver's own list and its socket's, the post office's for that peer, for
			// all peers and for its publishers, and what the publisher is asked for: six times.
			require.Less(t, heapInUse()-before, int64(all*1500))

			for i := range all {
				require.NoError(t, many[i%receivers].Unsubscribe(topic(i)))
				if i%10_000 == 0 {
					serve()
				}
			}
			require.Eventually(t, func() bool { n, asked := followers(po, p); return n == 1+receivers && asked == 3 }, longest, pollEvery)
			serve()
			require.Less(t, heapInUse()-before, int64(16<<20), "it comes back")
			require.Zero(t, other.Stats().Lost)
		})
	}
}
