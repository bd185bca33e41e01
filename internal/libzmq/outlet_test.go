//go:build cgo && !nolibzmq

package libzmq

import (
	"fmt"
	"slices"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestWaitLosesNothing(t *testing.T) {
	const n = 20_000
	in, got := newInlet(t, carrier.InletConfig{Config: carrier.Config{Bind: []string{"tcp://127.0.0.1:*"}}, QueueMessages: 10})
	require.NoError(t, in.Subscribe(nil))
	var events eventLog
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: in.Endpoints(), OnEvent: events.record}, Overflow: carrier.Wait, QueueMessages: 10})
	require.Eventually(t, func() bool { return events.has(carrier.Subscribed, "") }, testkit.Soon, time.Millisecond)
	for i := 0; i < n; i += 100 {
		var texts []string
		for k := range 100 {
			texts = append(texts, fmt.Sprint(i+k))
		}
		require.Equal(t, 100, o.Send(messages(texts...)).Sent)
	}
	for i := range n {
		require.Equal(t, fmt.Sprintf("|%d||end", i), next(t, got))
	}
}

func TestCloseEndsASendThatWaits(t *testing.T) {
	release := make(chan struct{})
	in, err := Opener{}.OpenInlet(carrier.InletConfig{
		Config:  carrier.Config{Type: carrier.SUB, Bind: []string{"tcp://127.0.0.1:*"}},
		Deliver: func(*batch.Batch) { <-release }, QueueMessages: 1,
	})
	require.NoError(t, err)
	t.Cleanup(in.Close)
	t.Cleanup(func() { close(release) }) // before the inlet closes, which waits for Deliver
	require.NoError(t, in.Subscribe(nil))
	var events eventLog
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: in.Endpoints(), OnEvent: events.record}, Overflow: carrier.Wait, QueueMessages: 1})
	require.Eventually(t, func() bool { return events.has(carrier.Subscribed, "") }, testkit.Soon, time.Millisecond)
	const n = 60 // more than the kernel takes
	big := make([]byte, 1<<20)
	b := new(batch.Batch)
	b.Retain()
	for range n {
		b.AppendFrame(big, false)
	}
	tallies := make(chan carrier.Tally, 1)
	go func() { tallies <- o.Send(b) }()
	require.Eventually(t, func() bool { return o.(*outlet).waiting.Load() }, testkit.Soon, time.Millisecond, "Send waits for room")
	go o.Close(0)
	tally := testkit.Receive(t, tallies, "Send")
	require.Positive(t, tally.Unsent)
	require.Equal(t, n, tally.Sent+tally.Unsent)
}

func TestMessagesWithoutAPeerAreCounted(t *testing.T) {
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: []string{"tcp://127.0.0.1:1"}}})
	require.Equal(t, carrier.Tally{NoPeer: 2}, o.Send(messages("a", "b")))
	require.Zero(t, o.Close(0))
}

// TestAnOutletThatWaitsLeavesWhatHasNoSubscriber: the publisher holds it.
func TestAnOutletThatWaitsLeavesWhatHasNoSubscriber(t *testing.T) {
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: []string{"tcp://127.0.0.1:1"}}, Overflow: carrier.Wait})
	b := messages(slices.Repeat([]string{"a"}, 3*sendRun)...)
	require.Equal(t, carrier.Tally{Left: 3 * sendRun, Orphaned: 3 * sendRun}, o.Send(b))
}

func TestAfterCloseOnlyAnOutletThatWaitsHasMessagesUnsent(t *testing.T) {
	for overflow, want := range map[carrier.Overflow]carrier.Tally{carrier.Drop: {NoPeer: 1}, carrier.Wait: {Unsent: 1}} {
		o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: []string{"tcp://127.0.0.1:1"}}, Overflow: overflow})
		o.Close(0)
		require.Equal(t, want, o.Send(messages("a")))
	}
}

func TestLingerDeliversWhatWasSent(t *testing.T) {
	const n = 5000
	in, got := newInlet(t, carrier.InletConfig{Config: carrier.Config{Bind: []string{"tcp://127.0.0.1:*"}}})
	require.NoError(t, in.Subscribe(nil))
	var events eventLog
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: in.Endpoints(), OnEvent: events.record}})
	require.Eventually(t, func() bool { return events.has(carrier.Subscribed, "") }, testkit.Soon, time.Millisecond)
	for i := range n {
		o.Send(messages(fmt.Sprint(i)))
	}
	o.Close(testkit.Soon)
	for i := range n {
		require.Equal(t, fmt.Sprintf("|%d||end", i), next(t, got))
	}
}

// TestWhatCountsAsSentIsSentThoughACancellationHasArrived: libzmq processes what peers have
// sent within any call, and the outlet learns of it later.
func TestWhatCountsAsSentIsSentThoughACancellationHasArrived(t *testing.T) {
	in, got := newInlet(t, carrier.InletConfig{Config: carrier.Config{Type: carrier.XSUB, Bind: []string{"inproc://cancelled"}}})
	require.NoError(t, in.Subscribe([]byte("a")))
	var events eventLog
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Type: carrier.XPUB, Connect: in.Endpoints(), OnEvent: events.record}})
	testkit.Eventually(t, func() bool { return events.has(carrier.Subscribed, "a") }, "it has subscribed")
	own := o.(*outlet)
	own.mu.Lock() // so that the watcher does not read what comes
	cancelled := make(chan error, 1)
	go func() { cancelled <- in.Unsubscribe([]byte("a")) }() // a goroutine takes the lock of one socket at a time
	require.NoError(t, testkit.Receive(t, cancelled, "the cancellation"))
	testkit.Eventually(t, func() bool {
		state, err := own.soc.GetEvents()
		return err == nil && state&zmq.POLLIN != 0
	}, "the cancellation has come")
	var tally carrier.Tally
	own.sendMessage(messages("a1").Message(0), &tally)
	own.mu.Unlock()
	require.Equal(t, 1, tally.Sent)
	require.Equal(t, "|a1||end", next(t, got))
	testkit.Eventually(t, func() bool { return events.has(carrier.Unsubscribed, "a") }, "it has cancelled")
	require.Equal(t, 1, o.Send(messages("a2")).Unwanted)
}

// TestSystemTopicsAreNotSentWhilePeersSubscribeToEverything: libzmq would send them there too.
func TestSystemTopicsAreNotSentWhilePeersSubscribeToEverything(t *testing.T) {
	var events eventLog
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Bind: []string{"tcp://127.0.0.1:*"}, OnEvent: events.record, System: `"$`}})
	state, gotState := newInlet(t, carrier.InletConfig{Config: carrier.Config{Connect: o.Endpoints()}})
	require.NoError(t, state.Subscribe([]byte(`"$`)))
	require.Eventually(t, func() bool { return events.has(carrier.Subscribed, `"$`) }, testkit.Soon, time.Millisecond)
	require.Equal(t, carrier.Tally{Sent: 1, SentBytes: int64(messages(`"$a"`).Size()), Unwanted: 1}, o.Send(messages(`"a"`, `"$a"`)))
	require.Equal(t, `|"$a"||end`, next(t, gotState))

	all, gotAll := newInlet(t, carrier.InletConfig{Config: carrier.Config{Connect: o.Endpoints()}})
	require.NoError(t, all.Subscribe(nil))
	require.Eventually(t, func() bool { return events.has(carrier.Subscribed, "") }, testkit.Soon, time.Millisecond)
	require.Equal(t, 1, o.Send(messages(`"$b"`, `"b"`)).Sent)
	require.Equal(t, `|"b"||end`, next(t, gotAll))
	require.NoError(t, all.Unsubscribe(nil))
	require.Eventually(t, func() bool { return events.has(carrier.Unsubscribed, "") }, testkit.Soon, time.Millisecond)
	require.Equal(t, 1, o.Send(messages(`"$c"`)).Sent)
	require.Equal(t, `|"$c"||end`, next(t, gotState))
}
