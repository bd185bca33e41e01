package zmtp

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// tick is an envelope of the usual kind: four frames, about 75 bytes with framing.
func tick(b *batch.Batch, topic string) {
	b.AppendFrame([]byte(topic), true)
	b.AppendFrame([]byte(`"bench"`), true)
	b.AppendFrame([]byte(`["aapl",187.23,100,"Q",1]`), true)
	b.AppendFrame([]byte(`1700000000.123456`), false)
}

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
