package zmtp

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// relay is what a post office does: XSUB to XPUB, subscriptions back.
type relay struct {
	in  carrier.Inlet
	out carrier.Outlet
}

func newRelay(t testing.TB, address string, queueMessages int, queueBytes int64) *relay {
	r := &relay{}
	var err error
	var in atomic.Pointer[carrier.Inlet]
	r.out, err = Opener{}.OpenOutlet(carrier.OutletConfig{
		Config: carrier.Config{Type: carrier.XPUB, Bind: []string{address}, OnEvent: func(e carrier.Event) {
			switch e.Kind {
			case carrier.Subscribed:
				_ = (*in.Load()).Subscribe(e.Prefix)
			case carrier.Unsubscribed:
				_ = (*in.Load()).Unsubscribe(e.Prefix)
			}
		}},
		QueueMessages: queueMessages, QueueBytes: queueBytes,
	})
	require.NoError(t, err)
	r.in, err = Opener{}.OpenInlet(carrier.InletConfig{
		Config:  carrier.Config{Type: carrier.XSUB, Bind: []string{address}},
		Deliver: func(b *batch.Batch) { r.out.Send(b) },
	})
	require.NoError(t, err)
	in.Store(&r.in)
	t.Cleanup(func() {
		r.in.Close()
		r.out.Close(time.Second)
	})
	return r
}

// BenchmarkRelay sends ticks from a publisher through a relay to receivers, all of
// them in this process, over loopback. An operation is one message; size is how
// many messages the publisher hands over at once.
func BenchmarkRelay(b *testing.B) {
	for _, receivers := range []int{1, 4, 32} {
		for _, size := range []int{1, 16, 256, 800} {
			b.Run(fmt.Sprintf("receivers=%d/batch=%d", receivers, size), func(b *testing.B) {
				benchRelay(b, receivers, size)
			})
		}
	}
}

func benchRelay(b *testing.B, receivers, size int) {
	r := newRelay(b, "tcp://127.0.0.1:*", 1<<30, 1<<40)
	var got atomic.Int64
	for range receivers {
		in, err := Opener{}.OpenInlet(carrier.InletConfig{
			Config:  carrier.Config{Type: carrier.SUB, Connect: r.out.Endpoints()},
			Deliver: func(b *batch.Batch) { got.Add(int64(b.Len())) },
		})
		require.NoError(b, err)
		defer in.Close()
		require.NoError(b, in.Subscribe([]byte(`"ticks/`)))
	}
	wanted := make(chan struct{}, 1)
	pub, err := Opener{}.OpenOutlet(carrier.OutletConfig{
		Config: carrier.Config{Type: carrier.PUB, Connect: r.in.Endpoints(), OnEvent: func(e carrier.Event) {
			if e.Kind == carrier.Subscribed {
				wanted <- struct{}{}
			}
		}},
		Overflow: carrier.Wait, QueueMessages: 100_000,
	})
	require.NoError(b, err)
	defer pub.Close(time.Second)
	<-wanted
	for range r.out.Peers() {
		require.Eventually(b, func() bool {
			n := 0
			for _, p := range r.out.Peers() {
				n += p.Subscriptions
			}
			return n == receivers
		}, 5*time.Second, time.Millisecond)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		out := batch.Get()
		for range min(size, b.N-sent) {
			tick(out, `"ticks/aapl"`)
		}
		sent += out.Len()
		pub.Send(out)
		out.Release()
	}
	for got.Load() < int64(b.N)*int64(receivers) {
		time.Sleep(50 * time.Microsecond)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mmsg/s")
}

// BenchmarkLatency sends one message at a time through a relay and waits for it.
func BenchmarkLatency(b *testing.B) {
	r := newRelay(b, "tcp://127.0.0.1:*", 0, 0)
	got := make(chan struct{}, 1)
	in, err := Opener{}.OpenInlet(carrier.InletConfig{
		Config:  carrier.Config{Type: carrier.SUB, Connect: r.out.Endpoints()},
		Deliver: func(*batch.Batch) { got <- struct{}{} },
	})
	require.NoError(b, err)
	defer in.Close()
	require.NoError(b, in.Subscribe(nil))
	wanted := make(chan struct{}, 1)
	pub, err := Opener{}.OpenOutlet(carrier.OutletConfig{
		Config: carrier.Config{Type: carrier.PUB, Connect: r.in.Endpoints(), OnEvent: func(e carrier.Event) {
			if e.Kind == carrier.Subscribed {
				wanted <- struct{}{}
			}
		}},
	})
	require.NoError(b, err)
	defer pub.Close(time.Second)
	<-wanted
	b.ReportAllocs()
	for b.Loop() {
		out := batch.Get()
		tick(out, `"ticks/aapl"`)
		pub.Send(out)
		out.Release()
		<-got
	}
}

func TestRefusesWhatCannotBeOpened(t *testing.T) {
	open := func(kind carrier.Type, o option) error {
		_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(kind, []option{o})})
		return err
	}
	require.ErrorIs(t, open(carrier.SUB, bind("tcp://127.0.0.1:*")), carrier.ErrUnsupported)
	require.ErrorIs(t, open(carrier.PUB, dial("tcp://*:5")), carrier.ErrAddress)
	require.ErrorIs(t, open(carrier.PUB, dial("tcp://127.0.0.1:*")), carrier.ErrAddress)
	require.ErrorIs(t, open(carrier.PUB, dial("nonsense")), carrier.ErrAddress)
	require.ErrorIs(t, open(carrier.PUB, bind("nonsense")), carrier.ErrAddress)
	_, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.XPUB, nil)})
	require.ErrorIs(t, err, carrier.ErrUnsupported)
}

func TestMessagesArriveInOrder(t *testing.T) {
	for _, address := range []string{"tcp://127.0.0.1:*", "tcp://[::1]:*", "ipc://*", "ipc://@" + t.Name() + fmt.Sprint(os.Getpid()), "inproc://order"} {
		for _, outletBinds := range []bool{true, false} {
			for _, kind := range []carrier.Type{carrier.SUB, carrier.XSUB} {
				t.Run(fmt.Sprintf("%s/%t/%s", address, outletBinds, kind), func(t *testing.T) {
					testOrder(t, address, outletBinds, kind)
				})
			}
		}
	}
}

func testOrder(t *testing.T, address string, outletBinds bool, kind carrier.Type) {
	const n = 5000
	var o testOutlet
	var i testInlet
	if outletBinds {
		o = newOutlet(t, carrier.Wait, 1000, bind(address))
		i = newInlet(t, kind, []string{"yes"}, dial(o.address()))
	} else {
		i = newInlet(t, kind, []string{"yes"}, bind(address))
		o = newOutlet(t, carrier.Wait, 1000, dial(i.address()))
	}
	require.Equal(t, "yes", string(o.wait(t, carrier.Subscribed, 1).Prefix))
	for at := 0; at < n; at += 100 {
		yes := numbered("yes", at, at+100)
		require.Equal(t, carrier.Tally{Sent: 100, SentBytes: int64(yes.Size())}, o.Send(yes))
		require.Equal(t, carrier.Tally{Unwanted: 10}, o.Send(numbered("no", 0, 10)))
	}
	i.sink.wait(t, n)
	requireNumbered(t, i.got(), "yes", n)
	peer := o.Peers()[0]
	require.Equal(t, kind.String(), peer.Type)
	require.Equal(t, 1, peer.Subscriptions)
	require.Equal(t, uint64(n), peer.Sent)
	require.Zero(t, peer.Dropped)
	require.Equal(t, uint64(n), i.Peers()[0].Received)
	require.Equal(t, "XPUB", i.Peers()[0].Type)
}
