//go:build interop

package interop

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
	"github.com/hermes-zmq/hermes/internal/zmtp"
)

// waitLimit is how long a test waits for what must happen. It decides nothing else.
const waitLimit = time.Minute

// message is the frames of one message.
type message []string

// eventLog is what has happened at one of our sockets.
type eventLog struct {
	mu     sync.Mutex
	events []carrier.Event
	got    []message // of inlets
}

func (d *eventLog) record(e carrier.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

func (d *eventLog) deliver(b *batch.Batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var frames [][]byte
	for i := range b.Len() {
		frames = batch.Frames(frames[:0], b.Message(i))
		m := make(message, len(frames))
		for k, frame := range frames {
			m[k] = string(frame)
		}
		d.got = append(d.got, m)
	}
}

// count counts the events of a kind; of Subscribed and Unsubscribed those of one prefix.
func (d *eventLog) count(kind carrier.EventKind, prefix string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		if e.Kind == kind && string(e.Prefix) == prefix {
			n++
		}
	}
	return n
}

func (d *eventLog) received() []message {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.got[:len(d.got):len(d.got)]
}

// explain logs what has happened at a socket, if the test has failed.
func (d *eventLog) explain(t testing.TB, peers []carrier.Peer) {
	if !t.Failed() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		t.Logf("event %d of %s: %q %s", e.Kind, e.Address, e.Prefix, e.Reason)
	}
	t.Logf("%d messages; peers: %+v", len(d.got), peers)
	for _, m := range d.got[max(len(d.got)-5, 0):] {
		t.Logf("%.100q", m)
	}
}

// config is the common part of the configuration of a socket of ours. Heartbeats
// are fast, to have them between all messages, and pauses before reconnecting short. The
// handshake timeout is the default: a peer that is stuck in a handshake is disconnected, and
// connects again.
func config(of cell, bind bool, addresses []string, d *eventLog) carrier.Config {
	c := carrier.Config{
		Type:              of.ours,
		Curve:             of.keys(),
		Hermes:            "2",
		HeartbeatInterval: 50 * time.Millisecond,
		HeartbeatTimeout:  waitLimit,
		ReconnectMin:      10 * time.Millisecond,
		ReconnectMax:      100 * time.Millisecond,
		OnEvent:           d.record,
	}
	if bind {
		c.Bind = addresses
	} else {
		c.Connect = addresses
	}
	return c
}

// open opens a socket, possibly at an address of one that was just closed. A process that is
// being started at that moment has our listener open until it calls exec.
func open(t testing.TB, try func() error) {
	t.Helper()
	var err error
	eventually(t, func() bool {
		err = try()
		return !errors.Is(err, errno.EADDRINUSE)
	}, "a free port")
	require.NoError(t, err)
}

// outlet is one of our PUB or XPUB sockets.
type outlet struct {
	*eventLog
	carrier.Outlet
}

func openOutlet(t testing.TB, of cell, bind bool, addresses ...string) *outlet {
	t.Helper()
	o := &outlet{eventLog: &eventLog{}}
	open(t, func() (err error) {
		o.Outlet, err = zmtp.Opener{}.OpenOutlet(carrier.OutletConfig{
			Config:   config(of, bind, addresses, o.eventLog),
			Overflow: carrier.Wait, // no message may be lost
		})
		return err
	})
	t.Cleanup(func() {
		o.explain(t, o.Peers())
		o.Close(0)
	})
	return o
}

// send sends messages, in one batch.
func (o *outlet) send(all ...message) carrier.Tally {
	b := &batch.Batch{}
	for _, m := range all {
		for i, frame := range m {
			b.AppendFrame([]byte(frame), i < len(m)-1)
		}
	}
	tally := o.Send(b)
	tally.GiveUp() // as a publisher does that holds nothing
	return tally
}

// waitFor waits until a prefix has been subscribed to, or unsubscribed from, n times.
func (o *outlet) waitFor(t testing.TB, kind carrier.EventKind, prefix string, n int) {
	t.Helper()
	eventually(t, func() bool { return o.count(kind, prefix) >= n }, "event %d for %q", kind, prefix)
}

// inlet is one of our SUB or XSUB sockets.
type inlet struct {
	*eventLog
	carrier.Inlet
}

func openInlet(t testing.TB, of cell, bind bool, addresses ...string) *inlet {
	t.Helper()
	i := &inlet{eventLog: &eventLog{}}
	open(t, func() (err error) {
		i.Inlet, err = zmtp.Opener{}.OpenInlet(carrier.InletConfig{
			Config:  config(of, bind, addresses, i.eventLog),
			Deliver: i.deliver,
		})
		return err
	})
	t.Cleanup(func() {
		i.explain(t, i.Peers())
		i.Close()
	})
	return i
}

func (i *inlet) subscribe(t testing.TB, prefixes ...string) {
	t.Helper()
	for _, p := range prefixes {
		require.NoError(t, i.Subscribe([]byte(p)))
	}
}

func (i *inlet) unsubscribe(t testing.TB, prefix string) {
	t.Helper()
	require.NoError(t, i.Unsubscribe([]byte(prefix)))
}

// eventually waits until something holds.
func eventually(t testing.TB, holds func() bool, what string, args ...any) {
	t.Helper()
	for end := time.Now().Add(waitLimit); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			require.Failf(t, "it did not happen", what, args...)
		}
	}
}

// requireSame compares messages and shows the first difference only.
func requireSame(t testing.TB, want, got []message) {
	t.Helper()
	for i := range min(len(want), len(got)) {
		if !same(want[i], got[i]) {
			require.Failf(t, "another message", "message %d of %d is %.300q in place of %.300q", i, len(got), got[i], want[i])
		}
	}
	require.Equal(t, len(want), len(got), "messages")
}

func same(a, b message) bool { return slices.Equal(a, b) }
