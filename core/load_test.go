package core

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// heapInUse is how much memory is in use once the garbage is gone.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
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
	const all = 100_000
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
