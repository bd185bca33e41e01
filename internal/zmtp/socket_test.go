package zmtp

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestSeveralEndpoints(t *testing.T) {
	one := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"))
	two := newOutlet(t, carrier.Drop, 0, bind("ipc://*"))
	i := newInlet(t, carrier.SUB, []string{""}, dial(append(one.Endpoints(), two.Endpoints()...)...))
	testkit.Eventually(t, func() bool {
		n := 0
		for _, p := range append(one.Peers(), two.Peers()...) {
			n += p.Subscriptions
		}
		return n == 3
	}, "three connections")
	one.Send(message("a"))
	two.Send(message("b"))
	i.sink.wait(t, 3)
}

func TestPanicInDeliverFailsTheSocket(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	failed := make(chan error, 2)
	boom := errors.New("boom")
	in, err := Opener{}.OpenInlet(carrier.InletConfig{
		Config: config(carrier.SUB, []option{dial(o.address()), func(c *carrier.Config) {
			c.OnFailure = func(err error) { failed <- err }
		}}),
		Deliver: func(*batch.Batch) { panic(boom) },
	})
	require.NoError(t, err)
	require.NoError(t, in.Subscribe(nil))
	o.wait(t, carrier.Subscribed, 1)
	o.Send(message("a"))
	err = testkit.Receive(t, failed, "the report of the panic")
	require.ErrorIs(t, err, boom)
	require.ErrorContains(t, err, "socket_test.go", "it tells where")
	o.wait(t, carrier.Disconnected, 1)
	in.Close()
	require.Empty(t, failed, "once")
}

// TestCloseReleasesGoroutinesAndDescriptors opens and closes many times, with connections in every
// state, and counts goroutines and file descriptors.
func TestCloseReleasesGoroutinesAndDescriptors(t *testing.T) {
	cycle := func() {
		o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*", "ipc://*"))
		i := newInlet(t, carrier.SUB, []string{"a"}, dial(o.Endpoints()...))
		j := newInlet(t, carrier.XSUB, []string{"b"}, dial("tcp://127.0.0.1:1", o.address()))
		p := connectRaw(t, o.address())
		o.wait(t, carrier.Subscribed, 2)
		o.Send(message("ab"))
		i.Close()
		o.Close(time.Second)
		j.Close()
		_ = p.Close()
	}
	cycle()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 200 {
		cycle()
	}
	testkit.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines }, "goroutines: %d at first", goroutines)
	testkit.Eventually(t, func() bool { return openFiles(t) <= files }, "files: %d at first", files)
}

// receiveUntil opens and closes receivers of a relay, and changes their subscriptions.
func receiveUntil(t *testing.T, stop <-chan struct{}, r *relay, n int) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		in, err := Opener{}.OpenInlet(carrier.InletConfig{
			Config:  config(carrier.SUB, []option{dial(r.out.Endpoints()...)}),
			Deliver: func(*batch.Batch) {},
		})
		if err != nil {
			t.Error(err)
			return
		}
		for k := range 20 {
			p := fmt.Appendf(nil, "%d", (n+k)%5)
			_ = in.Subscribe(p)
			_ = in.Peers()
			if k%3 == 0 {
				_ = in.Unsubscribe(p)
			}
		}
		time.Sleep(time.Millisecond)
		in.Close()
	}
}

// publishUntil sends to a relay, and checks that every message is accounted for.
func publishUntil(t *testing.T, stop <-chan struct{}, r *relay) {
	pub, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.PUB, []option{dial(r.in.Endpoints()...)})})
	if err != nil {
		t.Error(err)
		return
	}
	defer pub.Close(time.Second)
	for k := 0; ; k++ {
		select {
		case <-stop:
			return
		default:
		}
		b := numbered(fmt.Sprint(k%5), 0, 1+k%50)
		if tally := pub.Send(b); tally.Sent+tally.NoPeer+tally.Unwanted+tally.Dropped != b.Len() {
			t.Errorf("%+v", tally)
		}
		_ = r.out.Peers()
	}
}

func TestConcurrentUse(t *testing.T) {
	r := newRelay(t, "tcp://127.0.0.1:*", 0, 0)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for n := range 3 {
		all.Go(func() { receiveUntil(t, stop, r, n) })
		all.Go(func() { publishUntil(t, stop, r) })
	}
	time.Sleep(500 * time.Millisecond) // that much use
	close(stop)
	testkit.Wait(t, &all, "receivers and publishers")
	out, in := r.out.(*outlet), r.in.(*inlet)
	testkit.Eventually(t, func() bool { return connections(&out.socket)+connections(&in.socket) == 0 }, "all gone")
	require.Zero(t, wanted(out))
	in.mu.Lock()
	defer in.mu.Unlock()
	require.Zero(t, in.topics.Len(), "no subscription is left")
}
