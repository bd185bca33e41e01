package libzmq

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

const soon = 2 * time.Minute

// log collects events.
type log struct {
	mu     sync.Mutex
	events []carrier.Event
}

func (l *log) note(e carrier.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *log) has(kind carrier.EventKind, prefix string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Kind == kind && (e.Prefix == nil || string(e.Prefix) == prefix) {
			return true
		}
	}
	return false
}

func newOutlet(t *testing.T, cfg carrier.OutletConfig) carrier.Outlet {
	if cfg.Type == 0 {
		cfg.Type = carrier.PUB
	}
	o, err := Opener{}.OpenOutlet(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { o.Close(0) })
	return o
}

// newInlet hands on what arrives, a message a string.
func newInlet(t *testing.T, cfg carrier.InletConfig) (carrier.Inlet, <-chan string) {
	got := make(chan string, 1<<20)
	cfg.Deliver = func(b *batch.Batch) {
		for i := range b.Len() {
			var text string
			for _, f := range batch.Frames(nil, b.Message(i)) {
				text += "|" + string(f)
			}
			got <- text
		}
	}
	if cfg.Type == 0 {
		cfg.Type = carrier.SUB
	}
	in, err := Opener{}.OpenInlet(cfg)
	require.NoError(t, err)
	t.Cleanup(in.Close)
	return in, got
}

func messages(texts ...string) *batch.Batch {
	b := new(batch.Batch)
	b.Retain()
	for _, s := range texts {
		b.AppendFrame([]byte(s), true)
		b.AppendFrame(nil, true)
		b.AppendFrame([]byte("end"), false)
	}
	return b
}

func next(t *testing.T, got <-chan string) string {
	t.Helper()
	return testkit.Receive(t, got, "a message")
}

func TestEveryTransportCarries(t *testing.T) {
	for name, address := range map[string]string{
		"tcp": "tcp://127.0.0.1:*", "ipc": "ipc://" + filepath.Join(t.TempDir(), "s"), "inproc": "inproc://carries",
		"abstract": fmt.Sprintf("ipc://@hermes.test.%d", os.Getpid()), "tcp6": "tcp://[::1]:*",
	} {
		for _, types := range [][2]carrier.Type{{carrier.PUB, carrier.SUB}, {carrier.XPUB, carrier.XSUB}} {
			t.Run(fmt.Sprint(name, types), func(t *testing.T) {
				var events log
				in, got := newInlet(t, carrier.InletConfig{Config: carrier.Config{Type: types[1], Bind: []string{address}}})
				require.NoError(t, in.Subscribe([]byte("a")))
				o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Type: types[0], Connect: in.Endpoints(), OnEvent: events.note}})
				require.Eventually(t, func() bool { return events.has(carrier.Subscribed, "a") }, soon, time.Millisecond)
				require.Equal(t, carrier.Tally{Sent: 2, SentBytes: 22, Unwanted: 1}, o.Send(messages("a1", "b1", "a2")))
				require.Equal(t, "|a1||end", next(t, got))
				require.Equal(t, "|a2||end", next(t, got))
				require.NoError(t, in.Unsubscribe([]byte("a")))
				require.Eventually(t, func() bool { return events.has(carrier.Unsubscribed, "a") }, soon, time.Millisecond)
				require.Equal(t, 1, o.Send(messages("a3")).Unwanted)
				in.Close()
				require.ErrorIs(t, in.Subscribe([]byte("a")), carrier.ErrClosed)
				in.Close()
			})
		}
	}
}

func TestAnInprocAddressIsFreeAfterClose(t *testing.T) {
	for range 100 { // libzmq counts 1,023 sockets at most, closed ones among them until a thread of its own gets to them
		in, err := Opener{}.OpenInlet(carrier.InletConfig{
			Config:  carrier.Config{Type: carrier.SUB, Bind: []string{"inproc://again"}},
			Deliver: func(*batch.Batch) {},
		})
		require.NoError(t, err)
		o, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: carrier.Config{Type: carrier.PUB, Connect: in.Endpoints()}})
		require.NoError(t, err)
		in.Close()
		o.Close(0)
	}
}

func TestWaitLosesNothing(t *testing.T) {
	const n = 20_000
	in, got := newInlet(t, carrier.InletConfig{Config: carrier.Config{Bind: []string{"tcp://127.0.0.1:*"}}, QueueMessages: 10})
	require.NoError(t, in.Subscribe(nil))
	var events log
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: in.Endpoints(), OnEvent: events.note}, Overflow: carrier.Wait, QueueMessages: 10})
	require.Eventually(t, func() bool { return events.has(carrier.Subscribed, "") }, soon, time.Millisecond)
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
	var events log
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: in.Endpoints(), OnEvent: events.note}, Overflow: carrier.Wait, QueueMessages: 1})
	require.Eventually(t, func() bool { return events.has(carrier.Subscribed, "") }, soon, time.Millisecond)
	const n = 60 // more than the kernel takes
	big := make([]byte, 1<<20)
	b := new(batch.Batch)
	b.Retain()
	for range n {
		b.AppendFrame(big, false)
	}
	tallies := make(chan carrier.Tally, 1)
	go func() { tallies <- o.Send(b) }()
	require.Eventually(t, func() bool { return o.(*outlet).waits.Load() }, soon, time.Millisecond, "Send waits for room")
	go o.Close(0)
	tally := testkit.Receive(t, tallies, "Send")
	require.Positive(t, tally.Unsent)
	require.Equal(t, n, tally.Sent+tally.Unsent)
}

func TestNobodyThereIsCounted(t *testing.T) {
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: []string{"tcp://127.0.0.1:1"}}})
	require.Equal(t, carrier.Tally{NoPeer: 2}, o.Send(messages("a", "b")))
	o.Close(0)
	require.Equal(t, carrier.Tally{Unsent: 1}, o.Send(messages("a")))
	require.Zero(t, o.Close(0))
}

func TestLingerDeliversWhatWasSent(t *testing.T) {
	const n = 5000
	in, got := newInlet(t, carrier.InletConfig{Config: carrier.Config{Bind: []string{"tcp://127.0.0.1:*"}}})
	require.NoError(t, in.Subscribe(nil))
	var events log
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: in.Endpoints(), OnEvent: events.note}})
	require.Eventually(t, func() bool { return events.has(carrier.Subscribed, "") }, soon, time.Millisecond)
	for i := range n {
		o.Send(messages(fmt.Sprint(i)))
	}
	o.Close(soon)
	for i := range n {
		require.Equal(t, fmt.Sprintf("|%d||end", i), next(t, got))
	}
}

func TestPeersComeAndGo(t *testing.T) {
	var events log
	in, _ := newInlet(t, carrier.InletConfig{Config: carrier.Config{Bind: []string{"tcp://127.0.0.1:*"}, OnEvent: events.note}})
	for i := range 3 {
		o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: in.Endpoints()}})
		require.Eventually(t, func() bool { return len(in.Peers()) == 1 && len(o.Peers()) == 1 }, soon, time.Millisecond, "%d", i)
		o.Close(0)
		require.Eventually(t, func() bool { return len(in.Peers()) == 0 }, soon, time.Millisecond)
	}
	require.True(t, events.has(carrier.Connected, ""))
	require.True(t, events.has(carrier.Disconnected, ""))
}

func TestBadAddressesAreNamed(t *testing.T) {
	in, _ := newInlet(t, carrier.InletConfig{Config: carrier.Config{Bind: []string{"tcp://127.0.0.1:*"}}})
	_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: carrier.Config{Type: carrier.PUB, Bind: in.Endpoints()}})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, in.Endpoints()[0])
	for _, bad := range []string{"tcp://127.0.0.1:notaport", "tcp://nosuchinterface:1"} {
		_, err := Opener{}.OpenInlet(carrier.InletConfig{Config: carrier.Config{Type: carrier.SUB, Bind: []string{bad}}})
		require.ErrorIs(t, err, carrier.ErrAddress, bad)
		require.ErrorContains(t, err, bad)
	}
	for _, bad := range []string{"", "tcp", "tcp://", "smoke://x"} {
		require.ErrorIs(t, Opener{}.Supports(bad), carrier.ErrAddress, bad)
	}
}
