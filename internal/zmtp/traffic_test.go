package zmtp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestMessagesArriveInOrder(t *testing.T) {
	for _, address := range []string{"tcp://127.0.0.1:*", "tcp://[::1]:*", "ipc://*", "ipc://@" + t.Name() + fmt.Sprint(os.Getpid())} {
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

func TestMixedBatches(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"))
	everything := newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
	even := newInlet(t, carrier.SUB, []string{"0", "2", "4", "6", "8"}, dial(o.address()))
	o.wait(t, carrier.Subscribed, 6)
	const rounds, size = 200, 50
	for round := range rounds {
		b := batch.Get()
		for i := range size {
			b.AppendFrame(fmt.Appendf(nil, "%d", i%10), true)
			b.AppendFrame(make([]byte, (round*i)%2000), false)
		}
		require.Equal(t, size, o.Send(b).Sent)
		b.Release()
	}
	everything.sink.wait(t, rounds*size)
	even.sink.wait(t, rounds*size/2)
	for at, msg := range even.got() {
		i := at % (size / 2) * 2
		require.Equal(t, fmt.Sprint(i%10), msg[0])
		require.Len(t, msg[1], (at/(size/2)*i)%2000)
	}
}

func TestTally(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	require.Equal(t, carrier.Tally{NoPeer: 3}, o.Send(numbered("a", 0, 3)))
	require.Equal(t, carrier.Tally{}, o.Send(&batch.Batch{}))
	in := newInlet(t, carrier.SUB, nil, dial(o.address()))
	o.wait(t, carrier.Connected, 1)
	require.Equal(t, carrier.Tally{Unwanted: 3}, o.Send(numbered("a", 0, 3)))
	require.NoError(t, in.Subscribe([]byte("a/1")))
	o.wait(t, carrier.Subscribed, 1)
	b := numbered("a", 0, 3)
	require.Equal(t, carrier.Tally{Sent: 1, SentBytes: int64(len(b.Message(1))), Unwanted: 2}, o.Send(b))
	in.Close()
	o.wait(t, carrier.Disconnected, 1)
	require.Equal(t, carrier.Tally{NoPeer: 3}, o.Send(b))
	o.Close(0)
	require.Equal(t, carrier.Tally{NoPeer: 3}, o.Send(b))

	w := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"))
	w.Close(0)
	require.Equal(t, carrier.Tally{Unsent: 3}, w.Send(b))
}

func TestSubscriptionsGoUpOnceAndComeBack(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{"a", "a", "b"}, dial(o.address()))
	o.wait(t, carrier.Subscribed, 2)
	require.NoError(t, i.Unsubscribe([]byte("a")))
	require.NoError(t, i.Unsubscribe([]byte("never")))
	require.NoError(t, i.Unsubscribe([]byte("b")))
	require.Equal(t, "b", string(o.wait(t, carrier.Unsubscribed, 1).Prefix), "a is still wanted once")
	require.NoError(t, i.Unsubscribe([]byte("a")))
	require.Equal(t, "a", string(o.wait(t, carrier.Unsubscribed, 2).Prefix))
	require.NoError(t, i.Subscribe([]byte("c")))
	o.wait(t, carrier.Subscribed, 3)

	i.Close()
	require.ErrorIs(t, i.Subscribe([]byte("d")), carrier.ErrClosed)
	o.wait(t, carrier.Disconnected, 1)
	var kinds []carrier.EventKind
	for _, e := range o.all() {
		kinds = append(kinds, e.Kind)
	}
	require.Equal(t, []carrier.EventKind{
		carrier.Connected, carrier.Subscribed, carrier.Subscribed, carrier.Unsubscribed, carrier.Unsubscribed, carrier.Subscribed,
		carrier.Unsubscribed, carrier.Disconnected,
	}, kinds)
}

// TestFilter: a peer that sends what nobody asked for is filtered by a SUB, not by
// an XSUB; that is what libzmq does.
func TestFilter(t *testing.T) {
	send := func(kind carrier.Type) [][]string {
		i := newInlet(t, kind, []string{"a", "bb"}, bind("tcp://127.0.0.1:*"))
		p := connectRaw(t, i.address())
		p.shakeHands("PUB", 1)
		b := &batch.Batch{}
		for _, topic := range []string{"a", "b", "bb", "c", "abc", "", "bbb", "end"} {
			b.AppendFrame([]byte(topic), false)
		}
		p.send(b.Buf)
		testkit.Eventually(t, func() bool { p := i.Peers(); return len(p) == 1 && p[0].Received == 8 }, "all read")
		_ = p.Close()
		i.eventLog.wait(t, carrier.Disconnected, 1)
		return i.got()
	}
	require.Equal(t, [][]string{{"a"}, {"bb"}, {"abc"}, {"bbb"}}, send(carrier.SUB))
	require.Len(t, send(carrier.XSUB), 8)
}

// gatedSink is a Deliver that can be shut, and is open at first. The end of a test opens it
// before the inlet closes, which waits for Deliver.
type gatedSink struct {
	mu   sync.Mutex
	shut chan struct{} // nil while it is open
	sink
}

func (g *gatedSink) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
}

func (g *gatedSink) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

func (g *gatedSink) deliver(b *batch.Batch) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
	g.sink.deliver(b)
}

func openGated(t *testing.T, g *gatedSink, options ...option) carrier.Inlet {
	in, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.SUB, options), Deliver: g.deliver})
	require.NoError(t, err)
	require.NoError(t, in.Subscribe(nil))
	t.Cleanup(in.Close)
	t.Cleanup(g.open)
	return in
}

func TestSlowPeerDropsOnlyItsOwn(t *testing.T) {
	const queue, size = 500, 10
	o := newOutlet(t, carrier.Drop, queue, bind("tcp://127.0.0.1:*"))
	slow, quick := &gatedSink{}, &gatedSink{}
	slow.close()
	openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	openGated(t, quick, dial(o.address()))
	testkit.Eventually(t, func() bool { p := o.Peers(); return len(p) == 2 && p[1].Subscriptions == 1 }, "two peers")

	payload := make([]byte, 4000)
	total := 0
	testkit.Repeat(t, "the queue of the slow one overflows", func() bool {
		b := &batch.Batch{}
		for range size {
			b.AppendFrame(payload, false)
		}
		tally := o.Send(b)
		require.Equal(t, size, tally.Sent, "the quick one gets everything")
		total += size
		testkit.Eventually(t, func() bool { return quick.len() == total }, "the quick one is in time")
		return o.Peers()[0].Dropped >= 2000
	})
	peers := o.Peers()
	require.LessOrEqual(t, peers[0].QueueMessages, queue)
	require.Equal(t, uint64(total), peers[0].Sent+peers[0].Dropped+uint64(peers[0].QueueMessages))
	require.Equal(t, uint64(total), peers[1].Sent)
	require.Zero(t, peers[1].Dropped)

	slow.open()
	slow.sink.wait(t, total-int(peers[0].Dropped))
}

func TestDroppedByAll(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 10, bind("tcp://127.0.0.1:*"))
	slow := &gatedSink{}
	slow.close()
	openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	b := message(string(make([]byte, 1<<20)))
	var sum carrier.Tally
	testkit.Repeat(t, "the queue overflows", func() bool {
		tally := o.Send(b)
		sum.Sent += tally.Sent
		sum.Dropped += tally.Dropped
		return sum.Dropped >= 20
	})
	p := o.Peers()[0]
	require.Equal(t, uint64(sum.Dropped), p.Dropped)
	require.Equal(t, sum.Sent, p.QueueMessages+int(p.Sent))
}

func TestWaitLosesNothing(t *testing.T) {
	const senders, n = 3, 20_000
	o := newOutlet(t, carrier.Wait, 50, bind("tcp://127.0.0.1:*"))
	slow := &gatedSink{}
	slow.keep = true
	slow.close()
	openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	var done sync.WaitGroup
	for s := range senders {
		done.Go(func() {
			for at := 0; at < n; at += 200 {
				if tally := o.Send(numbered(fmt.Sprint(s), at, at+200)); tally.Sent != 200 {
					t.Errorf("%+v", tally)
				}
			}
		})
	}
	testkit.Eventually(t, func() bool { return o.Peers()[0].QueueMessages == 50 }, "the queue is full: senders wait")
	slow.open()
	testkit.Wait(t, &done, "senders")
	slow.sink.wait(t, senders*n)
	next := map[string]int{}
	for _, msg := range slow.got() {
		s, i := msg[0][:1], 0
		_, err := fmt.Sscan(msg[0][2:], &i)
		require.NoError(t, err)
		require.Equal(t, next[s], i, "the order of sender %s", s)
		next[s]++
	}
}

func TestCloseWakesWait(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 10, bind("tcp://127.0.0.1:*"))
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	p.send(appendSubscription(nil, 1, true, nil))
	o.wait(t, carrier.Subscribed, 1)
	payload := make([]byte, 4<<20) // ten of them are more than the kernel holds
	var sum carrier.Tally
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := &batch.Batch{}
		for range 20 {
			b.AppendFrame(payload, false)
		}
		for sum.Unsent == 0 {
			tally := o.Send(b)
			sum.Sent += tally.Sent
			sum.Unsent += tally.Unsent
			if tally.Sent+tally.Unsent != 20 {
				t.Errorf("%+v", tally)
			}
		}
	}()
	testkit.Eventually(t, func() bool { return o.Peers()[0].QueueMessages == 10 }, "the queue is full")
	unsent := o.Close(10 * time.Millisecond)
	testkit.Receive(t, done, "the sender")
	require.LessOrEqual(t, unsent, 10)
	require.Positive(t, unsent)
	require.Positive(t, sum.Unsent)
	require.Zero(t, o.Close(0), "twice is harmless")
}

func TestLeavingWakesWait(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 10, bind("tcp://127.0.0.1:*"))
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	p.send(appendSubscription(nil, 1, true, nil))
	o.wait(t, carrier.Subscribed, 1)
	done := make(chan carrier.Tally, 1)
	b := &batch.Batch{}
	for range 500 {
		b.AppendFrame(make([]byte, 100_000), false)
	}
	go func() { done <- o.Send(b) }()
	testkit.Eventually(t, func() bool { return o.Peers()[0].QueueMessages == 10 }, "the queue is full")
	_ = p.Close()
	tally := testkit.Receive(t, done, "the sender")
	require.Equal(t, 500, tally.Sent+tally.Unwanted+tally.NoPeer)
	require.Less(t, tally.Sent, 500)
	require.Zero(t, tally.Unsent)
}

func TestCloseDrains(t *testing.T) {
	const n = 200_000
	o := newOutlet(t, carrier.Drop, n, bind("tcp://127.0.0.1:*"))
	slow := &gatedSink{}
	slow.close()
	in := openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	for range n / 1000 {
		b := batch.Get()
		for range 1000 {
			tick(b, `"ticks/aapl"`)
		}
		require.Equal(t, 1000, o.Send(b).Sent)
		b.Release()
	}
	require.Positive(t, o.Peers()[0].QueueMessages, "more than the kernel holds")
	time.AfterFunc(10*time.Millisecond, slow.open)
	require.Zero(t, o.Close(testkit.Soon))
	slow.sink.wait(t, n)
	in.Close()
}

func TestCloseGivesUpInTime(t *testing.T) {
	const n = 300_000
	o := newOutlet(t, carrier.Drop, n, bind("tcp://127.0.0.1:*"))
	slow := &gatedSink{}
	slow.close()
	openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	b := &batch.Batch{}
	for range n {
		b.AppendFrame(make([]byte, 100), false)
	}
	require.Equal(t, n, o.Send(b).Sent)
	require.Greater(t, o.Close(10*time.Millisecond), n/2)
}

func TestRestartOfTheBinder(t *testing.T) {
	path := "ipc://" + filepath.Join(t.TempDir(), "s")
	for _, address := range []string{path, "tcp://127.0.0.1:*"} {
		o := newOutlet(t, carrier.Drop, 0, bind(address))
		at := o.address()
		i := newInlet(t, carrier.SUB, []string{"a"}, dial(at))
		for round := 1; round <= 3; round++ {
			o.wait(t, carrier.Subscribed, 1)
			o.Send(message("a"))
			i.sink.wait(t, round)
			o.Close(time.Second)
			require.Equal(t, at, i.eventLog.wait(t, carrier.Retrying, round).Address)
			i.eventLog.wait(t, carrier.Disconnected, round)
			o = newOutlet(t, carrier.Drop, 0, bind(at))
		}
	}
}

func TestDialledBeforeBound(t *testing.T) {
	i := newInlet(t, carrier.SUB, []string{"a"}, bind("tcp://127.0.0.1:*"))
	at := i.address()
	i.Close()
	o := newOutlet(t, carrier.Drop, 0, dial(at))
	require.Equal(t, at, o.wait(t, carrier.Retrying, 2).Address)
	i = newInlet(t, carrier.SUB, []string{"a"}, bind(at))
	o.wait(t, carrier.Subscribed, 1)
	require.Equal(t, 1, o.Send(message("a")).Sent)
	i.sink.wait(t, 1)
}

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

func TestHugePayload(t *testing.T) {
	const size = 100 << 20
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{"huge"}, dial(o.address()))
	i.forget()
	o.wait(t, carrier.Subscribed, 1)
	b := &batch.Batch{Buf: make([]byte, 0, size+100)}
	b.AppendFrame([]byte("huge"), true)
	b.AppendFrame(b.Buf[len(b.Buf)+20:len(b.Buf)+20+size], false)
	require.Equal(t, 1, o.Send(b).Sent, "bigger than the queue, and it is empty")
	i.sink.wait(t, 1)
	o.Send(message("huge", "small"))
	i.sink.wait(t, 2)
	require.Equal(t, int64(b.Size()+len(message("huge", "small").Buf)), i.sink.size())
}

func TestAMillionTinyOnes(t *testing.T) {
	const n = 1_000_000
	o := newOutlet(t, carrier.Drop, n, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
	i.forget()
	o.wait(t, carrier.Subscribed, 1)
	b := &batch.Batch{}
	for range n {
		b.AppendFrame([]byte("t"), false)
	}
	require.Equal(t, n, o.Send(b).Sent)
	i.sink.wait(t, n)
}

func TestSendAllocatesNothing(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"))
	for range 3 {
		i := newInlet(t, carrier.SUB, []string{`"ticks/`, `"other"`}, dial(o.address()))
		i.forget()
	}
	testkit.Eventually(t, func() bool {
		n := 0
		for _, p := range o.Peers() {
			n += p.Subscriptions
		}
		return n == 6
	}, "subscribed")
	b := batch.Get()
	for range 500 {
		tick(b, `"ticks/aapl"`)
	}
	for range 500 {
		tick(b, `"none"`)
	}
	per := testing.AllocsPerRun(300, func() { o.Send(b) })
	if !invariants.Enabled { // ranked locks allocate
		require.Less(t, per, 30.0, "for 1500 messages delivered; what a collected pool costs now and then")
	}
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
	require.ErrorContains(t, err, "traffic_test.go", "it tells where")
	o.wait(t, carrier.Disconnected, 1)
	in.Close()
	require.Empty(t, failed, "once")
}

// TestNothingIsLeftBehind opens and closes many times, with connections in every
// state, and counts goroutines and file descriptors.
func TestNothingIsLeftBehind(t *testing.T) {
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

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

func TestConcurrentUse(t *testing.T) {
	r := newRelay(t, "tcp://127.0.0.1:*", 0, 0)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for n := range 3 {
		all.Go(func() { // receivers that come, go and change their minds
			for round := 0; ; round++ {
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
		})
		all.Go(func() { // publishers
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
		})
	}
	time.Sleep(500 * time.Millisecond) // that much use
	close(stop)
	testkit.Wait(t, &all, "receivers and publishers")
	out, in := r.out.(*outlet), r.in.(*inlet)
	testkit.Eventually(t, func() bool { return connections(&out.socket)+connections(&in.socket) == 0 }, "all gone")
	require.Zero(t, wanted(out))
	in.mu.Lock()
	defer in.mu.Unlock()
	require.Zero(t, in.topics.Len(), "nothing is asked for any more")
}
