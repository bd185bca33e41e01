//go:build cgo && !nolibzmq

package zmtp

import (
	"fmt"
	"sync"
	"testing"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// TestRelayBetweenLibzmqPeers: unchanged programs on both sides of a relay of ours.
func TestRelayBetweenLibzmqPeers(t *testing.T) {
	const publishers, n = 2, 5000
	r := newRelay(t, "tcp://127.0.0.1:*", 1_000_000, 0)
	sub := foreign(t, zmq.SUB, unlimited)
	require.NoError(t, sub.Connect(r.out.Endpoints()[0]))
	require.NoError(t, sub.SetSubscribe("t"))
	var all sync.WaitGroup
	for p := range publishers {
		pub := foreign(t, zmq.XPUB, unlimited)
		require.NoError(t, pub.Connect(r.in.Endpoints()[0]))
		all.Go(func() {
			if msg, err := pub.RecvMessage(0); err != nil || msg[0] != "\x01t" {
				t.Errorf("%q, %v", msg, err)
			}
			for k := range n {
				if _, err := pub.SendMessage("t", fmt.Sprint(p), fmt.Sprint(k)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := map[string]int{}
	for range publishers * n {
		msg, err := sub.RecvMessage(0)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(next[msg[1]]), msg[2])
		next[msg[1]]++
	}
	testkit.Wait(t, &all, "publishers")
	require.Len(t, next, publishers)
}

// TestRelayForwardsTheSameAsLibzmq is the differential test: the same traffic through a proxy of
// libzmq's own and through a relay of ours, and the same comes out.
func TestRelayForwardsTheSameAsLibzmq(t *testing.T) {
	r := newRelay(t, "ipc://*", 1_000_000, 0)
	front := foreign(t, zmq.XSUB, unlimited)
	back := foreign(t, zmq.XPUB, unlimited)
	require.NoError(t, front.Bind("tcp://127.0.0.1:*"))
	require.NoError(t, back.Bind("tcp://127.0.0.1:*"))
	in, _ := front.GetLastEndpoint()
	out, _ := back.GetLastEndpoint()
	stop := foreign(t, zmq.PAIR)
	stopped := foreign(t, zmq.PAIR)
	require.NoError(t, stopped.Bind("inproc://stop-"+t.Name()))
	require.NoError(t, stop.Connect("inproc://stop-"+t.Name()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = zmq.ProxySteerable(front, back, nil, stopped)
	}()
	defer func() {
		_, _ = stop.Send("TERMINATE", 0)
		<-done
	}()
	ours := through(t, r.in.Endpoints()[0], r.out.Endpoints()[0])
	theirs := through(t, in, out)
	require.Equal(t, theirs, ours)
	require.NotEmpty(t, ours[0])
}

// through sends fixed traffic through a proxy and returns what each of several
// subscribers gets.
func through(t *testing.T, in, out string) [][][]string {
	var subs []testInlet
	for _, prefixes := range [][]string{{""}, {"a"}, {"a", "ab"}, {"b", "c/"}, {"c/1", "c/2", "c/2"}} {
		subs = append(subs, newInlet(t, carrier.SUB, append(prefixes, "end"), dial(out)))
	}
	o := newOutlet(t, carrier.Wait, 0, dial(in))
	testkit.Eventually(t, func() bool { return o.Send(message("end", "probe")).Sent == 1 && heardAll(subs, "probe") }, "all subscribed")
	b := &batch.Batch{}
	for i := range 500 {
		for _, topic := range []string{"a", "ab", "abc", "b", "c", "c/", fmt.Sprint("c/", i%4), ""} {
			b.AppendFrame([]byte(topic), true)
			b.AppendFrame(fmt.Append(nil, i), false)
		}
	}
	o.Send(b)
	o.Send(message("end", "of it"))
	testkit.Eventually(t, func() bool { return heardAll(subs, "of it") }, "all ended")
	var all [][][]string
	for _, s := range subs {
		var got [][]string
		for _, msg := range s.got() {
			if msg[1] != "probe" {
				got = append(got, msg)
			}
		}
		all = append(all, got)
	}
	return all
}

func heardAll(subs []testInlet, what string) bool {
	for _, s := range subs {
		heard := false
		for _, msg := range s.got() {
			heard = heard || msg[1] == what
		}
		if !heard {
			return false
		}
	}
	return true
}
