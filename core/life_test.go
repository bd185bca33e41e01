package core

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// TestClosingWhileOthersStartLeavesNothingRunning: what is closed does not run, and
// whoever waits for its end need not wait.
func TestClosingWhileOthersStartLeavesNothingRunning(t *testing.T) {
	for i := range 200 {
		r, err := NewReceiver("tcp://127.0.0.1:9", fmt.Sprint(i))
		require.NoError(t, err)
		require.NoError(t, r.Start())
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for get(t, r, "state") != "closed" {
					_ = r.Start()
				}
			})
		}
		all.Go(func() { _ = r.Close() })
		testkit.Wait(t, &all, "starts and the close")
		require.NoError(t, r.Wait(0), "closed, and running")
		code(t, ESTATE, r.Start(), "closed")
	}
}

// TestALateEndSparesTheNextRun: a component that stops itself, and is stopped and started
// by somebody else before it gets to it, goes on.
func TestALateEndSparesTheNextRun(t *testing.T) {
	r, err := NewReceiver("tcp://127.0.0.1:9", "r")
	require.NoError(t, err)
	require.NoError(t, r.Start())
	r.life.Lock() // the late end has to wait
	r.endLater("slow")
	require.NoError(t, r.end("stop", 0))
	r.life.Unlock()
	// Whoever comes first now, the receiver is started once more.
	require.NoError(t, r.Start())
	require.Eventually(t, func() bool {
		return r.limit.Waiting() == 0 // the late end has its turn
	}, soon, time.Millisecond)
	r.life.Lock()   // and its turn is over
	r.life.Unlock() //lint:ignore SA2001 it waits for the late end, which holds it
	require.Equal(t, "running", get(t, r, "state"))
	r.Fail(errors.New("a fault"))
	code(t, EINTERNAL, r.Wait(soon), "a fault")
	require.NoError(t, r.Close())
}

func TestWhatCouldNotStartHasNeverBeenStarted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	taken := "@tcp://" + l.Addr().String()
	r, err := NewReceiver(taken, "r")
	require.NoError(t, err)
	code(t, EADDRINUSE, r.Start())
	_, err = r.Recv(0)
	code(t, ESTATE, err, "not been started")
	require.Equal(t, "new", get(t, r, "state"))
	require.NoError(t, l.Close())
	require.NoError(t, r.Start())
	_, err = r.Recv(0)
	code(t, ETIMEOUT, err)
	require.NoError(t, r.Close())
}

func TestAClosedReceiverHasNoDescriptor(t *testing.T) {
	before := countFDs(t)
	r, err := NewReceiver("tcp://127.0.0.1:9", "r")
	require.NoError(t, err)
	n, err := NewNode("n", r, nil)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	_, err = n.Receiver().FD()
	code(t, EBADHANDLE, err, "closed")
	require.LessOrEqual(t, countFDs(t), before)
}

func TestWhatHasStoppedHasNoPeers(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, p.WaitReady(soon))
		// libzmq tells of a peer later than of what it wants.
		require.Eventually(t, func() bool { return len(p.Stats().Peers) == 1 }, soon, time.Millisecond)
		require.NoError(t, p.Stop(soon))
		require.NoError(t, r.Stop(soon))
		require.Empty(t, p.Stats().Peers)
		require.Empty(t, r.Stats().Peers)
		require.NoError(t, po.Stop(soon))
		require.Empty(t, po.Stats().Publishers)
		require.Empty(t, po.Stats().Subscribers)
	})
}

// TestClosingInTheBodyOfALoopEndsIt: as it ends while the loop waits, and where the receiver
// was closed before, or never was started.
func TestClosingInTheBodyOfALoopEndsIt(t *testing.T) {
	ends := map[string]func(*Receiver) error{"close": (*Receiver).Close, "stop": func(r *Receiver) error { return r.Stop(soon) }}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			po := newOffice(t, "auto")
			r := newReceiver(t, "auto", get(t, po, "endpoint.out"))
			p := newPublisher(t, "auto", get(t, po, "endpoint.in"))
			require.NoError(t, p.Publish("t", "", []byte("1")))
			seen := 0
			for e := range r.All() {
				require.Equal(t, "1", string(e.Data))
				seen++
				require.NoError(t, end(r))
			}
			require.Equal(t, 1, seen)
			for range r.All() {
				t.Fatal("something came after the end")
			}
		})
	}
	r, err := NewReceiver("tcp://127.0.0.1:9", "r")
	require.NoError(t, err)
	for range r.All() {
		t.Fatal("something came before the start")
	}
}

// TestALoopTakesWhatIsLeftAfterAStopAndNothingAfterAClose: as in every other language.
func TestALoopTakesWhatIsLeftAfterAStopAndNothingAfterAClose(t *testing.T) {
	ends := map[string]func(*Receiver) error{"close": (*Receiver).Close, "stop": func(r *Receiver) error { return r.Stop(soon) }}
	for name, want := range map[string]int{"close": 2, "stop": 5} {
		t.Run(name, func(t *testing.T) {
			po := newOffice(t, "auto")
			r := newReceiver(t, "auto", get(t, po, "endpoint.out"))
			p := newPublisher(t, "auto", get(t, po, "endpoint.in"))
			for range 5 {
				require.NoError(t, p.Publish("t", "", []byte("1")))
			}
			require.Eventually(t, func() bool { return r.Stats().Queued == 5 }, soon, time.Millisecond)
			seen := 0
			for range r.All() {
				if seen++; seen == 2 {
					require.NoError(t, ends[name](r))
				}
			}
			require.Equal(t, want, seen)
		})
	}
}

// TestWhatRunsNeedsNoReference: what was started works until it is stopped, whether or not
// the program still refers to it.
func TestWhatRunsNeedsNoReference(t *testing.T) {
	in, out := func() (in, out string) {
		po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
		require.NoError(t, err)
		require.NoError(t, po.Start())
		return get(t, po, "endpoint.in"), get(t, po, "endpoint.out")
	}()
	collectGarbage()
	r := newReceiver(t, "auto", out, "on_slow", "ignore")
	for i := range 20 {
		func() {
			p, err := NewPublisher(in, "p")
			require.NoError(t, err)
			set(t, p, "ready.hold", soon.String())
			require.NoError(t, p.Start())
			require.NoError(t, p.Publish("t", "", fmt.Append(nil, i)))
		}()
		collectGarbage()
	}
	require.Len(t, collect(t, r, 20), 20)
}

// collectGarbage lets what nothing refers to go, finalizers and all.
func collectGarbage() {
	for range 3 {
		runtime.GC()
	}
}
