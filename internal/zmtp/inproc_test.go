package zmtp

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// addresses notes where each message of the batches that arrive is in memory.
type addresses struct {
	mu  sync.Mutex
	all []uintptr
}

func (a *addresses) deliver(b *batch.Batch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range b.Len() {
		a.all = append(a.all, uintptr(unsafe.Pointer(&b.Message(i)[0])))
	}
}

func (a *addresses) got(t *testing.T, n int) []uintptr {
	t.Helper()
	testkit.Eventually(t, func() bool { a.mu.Lock(); defer a.mu.Unlock(); return len(a.all) >= n }, "%d messages", n)
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]uintptr(nil), a.all...)
}

// TestMessagesWithinAProcessAreNotCopied: what several inlets are delivered, behind a relay, is the
// memory that was sent.
func TestMessagesWithinAProcessAreNotCopied(t *testing.T) {
	back := newOutlet(t, carrier.Block, 1000, bind("inproc://same-out"))
	middle, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.XSUB, []option{bind("inproc://same-in")}),
		Deliver: func(b *batch.Batch) { back.Send(b) }})
	require.NoError(t, err)
	t.Cleanup(middle.Close)
	require.NoError(t, middle.Subscribe(nil))
	var ends [2]addresses
	for i := range ends {
		in, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.SUB, []option{dial("inproc://same-out")}), Deliver: ends[i].deliver})
		require.NoError(t, err)
		t.Cleanup(in.Close)
		require.NoError(t, in.Subscribe([]byte("t")))
	}
	front := newOutlet(t, carrier.Wait, 1000, dial("inproc://same-in"))
	front.wait(t, carrier.Subscribed, 1)
	testkit.Eventually(t, func() bool {
		n := 0
		for _, p := range back.Peers() {
			n += p.Subscriptions
		}
		return n == 2
	}, "both subscriptions")

	b := batch.Get()
	defer b.Release()
	for i := range 10 {
		b.AppendFrame(fmt.Appendf(nil, "t/%d", i), true)
		b.AppendFrame([]byte(strings.Repeat("x", 7000)), false)
	}
	var want []uintptr
	for i := range b.Len() {
		want = append(want, uintptr(unsafe.Pointer(&b.Message(i)[0])))
	}
	require.Equal(t, 10, front.Send(b).Sent)
	for i := range ends {
		require.Equal(t, want, ends[i].got(t, 10))
	}
}

func TestANameIsDialledAsSoonAsItIsBound(t *testing.T) {
	in := newInlet(t, carrier.SUB, []string{"t"}, dial("inproc://later"), with(func(c *carrier.Config) {
		c.ReconnectMin, c.ReconnectMax = time.Hour, time.Hour
	}))
	e := in.eventLog.wait(t, carrier.Retrying, 1)
	require.Equal(t, carrier.CauseRefused, e.Cause)
	require.Contains(t, e.Reason, "nothing in this process has bound this name")
	for run := range 3 {
		o := newOutlet(t, carrier.Wait, 1000, bind("inproc://later"))
		o.wait(t, carrier.Subscribed, 1)
		require.Equal(t, 1, o.Send(message("t", fmt.Sprint(run))).Sent)
		in.sink.wait(t, run+1)
		_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.PUB, []option{bind("inproc://later")})})
		require.ErrorContains(t, err, "cannot bind inproc://later: ")
		require.ErrorContains(t, err, "address already in use")
		require.Zero(t, o.Close(testkit.Soon))
	}
}

func TestKeysAreRefusedWhereNothingWouldBeEncrypted(t *testing.T) {
	keys := newCurveKeys(t)
	for _, side := range []option{bind("inproc://locked"), dial("inproc://locked")} {
		_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.PUB, []option{side, keys.asClient()})})
		require.ErrorIs(t, err, carrier.ErrUnsupported)
		require.ErrorContains(t, err, "inproc://locked with the options curve.*: it would carry plain text")
	}
	o := newOutlet(t, carrier.Wait, 10, bind("plain+inproc://locked"), keys.asServer(t, curve.AnyClient))
	i := newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	o.Send(message("t"))
	i.sink.wait(t, 1)
}

func TestAPeerWithinTheProcessRunsAsItsUser(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 10, bind("inproc://self"))
	newInlet(t, carrier.SUB, []string{""}, dial("inproc://self"))
	e := o.wait(t, carrier.Connected, 1)
	own := ownCredentials()
	require.Equal(t, &carrier.Credentials{UID: own.uid, GID: own.gid}, e.Local)
}

// TestWhatIsNotSubscribedToIsFilteredFromACopy: other peers are delivered the same memory.
func TestWhatIsNotSubscribedToIsFilteredFromACopy(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 1000, bind("inproc://filtered"))
	all := newInlet(t, carrier.SUB, []string{""}, dial("inproc://filtered"))
	o.wait(t, carrier.Subscribed, 1)
	testkit.Eventually(t, func() bool { return len(all.Peers()) == 1 }, "a peer")
	all.inlet.mu.Lock() // as if a subscription had ended while messages were on their way
	all.inlet.topics.Remove(nil)
	all.inlet.topics.Add([]byte("b"))
	all.inlet.all.Store(false)
	all.inlet.mu.Unlock()
	b := batch.Get()
	defer b.Release()
	for _, topic := range []string{"a", "b", "a", "b"} {
		b.AppendFrame([]byte(topic), true)
		b.AppendFrame([]byte(strings.Repeat(topic, 10_000)), false)
	}
	before := string(b.Buf)
	o.Send(b)
	all.sink.wait(t, 2)
	for _, msg := range all.got() {
		require.Equal(t, []string{"b", strings.Repeat("b", 10_000)}, msg)
	}
	require.Equal(t, before, string(b.Buf))
}

// TestLimitsHoldWithinAProcess, in the same words as elsewhere, for long and for short messages.
func TestLimitsHoldWithinAProcess(t *testing.T) {
	for name, c := range map[string]struct {
		limit option
		send  []string
		says  string
	}{
		"bytes":       {with(func(c *carrier.Config) { c.MaxMessage = 30_000 }), []string{"t", strings.Repeat("x", 40_000)}, "more than 30000 bytes"},
		"few bytes":   {with(func(c *carrier.Config) { c.MaxMessage = 10 }), []string{"t", strings.Repeat("x", 40)}, "more than 10 bytes"},
		"frames":      {limit(func(l *carrier.Limits) { l.Frames = 2 }), []string{"t", "u", strings.Repeat("x", 40_000)}, "more than 2 frames"},
		"no frame":    {limit(func(l *carrier.Limits) { l.Frames = 3 }), []string{"t", "u", strings.Repeat("x", 40_000)}, ""},
		"exact bytes": {with(func(c *carrier.Config) { c.MaxMessage = 40_001 }), []string{"t", strings.Repeat("x", 40_000)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutlet(t, carrier.Wait, 10, bind("inproc://limits"))
			i := newInlet(t, carrier.SUB, []string{""}, dial("inproc://limits"), c.limit)
			o.wait(t, carrier.Subscribed, 1)
			b := batch.Get()
			for at, f := range c.send {
				b.AppendFrame([]byte(f), at < len(c.send)-1)
			}
			o.Send(b)
			b.Release()
			if c.says == "" {
				i.sink.wait(t, 1)
				require.Equal(t, [][]string{c.send}, i.got())
				return
			}
			require.Contains(t, i.eventLog.wait(t, carrier.Disconnected, 1).Reason, c.says)
		})
	}
}

// TestCommandsAmongMessagesAreRead: copies of messages share an arena with commands.
func TestCommandsAmongMessagesAreRead(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 100_000, bind("inproc://mixed"), beat(time.Millisecond, testkit.Soon))
	i := newInlet(t, carrier.SUB, []string{"yes"}, dial("inproc://mixed"), beat(time.Millisecond, testkit.Soon))
	o.wait(t, carrier.Subscribed, 1)
	const n = 20_000
	for at := 0; at < n; at += 10 {
		b := batch.Get()
		for k := range 10 {
			b.AppendFrame(fmt.Appendf(nil, "yes/%d", at+k), true)
			b.AppendFrame([]byte("body"), false)
			b.AppendFrame([]byte("no"), false)
		}
		o.Send(b)
		b.Release()
	}
	i.sink.wait(t, n)
	requireNumbered(t, i.got(), "yes", n)
}

func BenchmarkWithin(b *testing.B) {
	for _, size := range []int{1, 16, 800} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			o := newOutlet(b, carrier.Wait, 100_000, bind("inproc://bench"))
			i := newInlet(b, carrier.SUB, []string{""}, dial("inproc://bench"))
			i.sink.forget()
			o.wait(b, carrier.Subscribed, 1)
			b.ReportAllocs()
			b.ResetTimer()
			for sent := 0; sent < b.N; {
				out := batch.Get()
				for range min(size, b.N-sent) {
					tick(out, `"ticks/aapl"`)
				}
				sent += out.Len()
				o.Send(out)
				out.Release()
			}
			testkit.Eventually(b, func() bool { return i.len() >= b.N }, "all")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mmsg/s")
		})
	}
}
