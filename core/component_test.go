package core

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestCloseWakesBlockedCalls(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		r := newReceiver(t, engine, "tcp://127.0.0.1:1")
		p := newPublisher(t, engine, "tcp://127.0.0.1:1")
		results := make(chan error, 5)
		go func() { _, err := r.Recv(-1); results <- err }()
		go func() { results <- r.WaitReady(-1) }()
		go func() { results <- p.WaitReady(-1) }()
		go func() {
			for {
				if _, err := r.NextEvent(-1); err != nil {
					results <- err
					return
				}
			}
		}()
		time.Sleep(50 * time.Millisecond)
		require.NoError(t, r.Close())
		require.NoError(t, p.Close())
		for range 4 {
			code(t, ESTOPPED, testkit.Receive(t, results, "one that waited"))
		}
		require.NoError(t, r.Close(), "closing twice is harmless")
	})
}

func TestStoppedComponentsStartAgain(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		for i := range 5 {
			publishUntil(t, p, "t", fmt.Sprint(i), func() bool {
				e, err := r.Recv(50 * time.Millisecond)
				return err == nil && string(e.Data) == fmt.Sprint(i)
			})
			require.NoError(t, p.Stop(soon))
			require.NoError(t, r.Stop(0))
			require.NoError(t, r.Wait(0))
			require.NoError(t, r.Start())
			require.NoError(t, p.Start())
		}
		require.GreaterOrEqual(t, p.Stats().Sent, uint64(5))
		require.Zero(t, r.Stats().Lost)
	})
}

// TestClosingWhileOthersStartLeavesNothingRunning: what is closed does not run, and
// a caller that waits for its end need not wait.
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
// by another caller before it gets to it, goes on.
func TestALateEndSparesTheNextRun(t *testing.T) {
	r, err := NewReceiver("tcp://127.0.0.1:9", "r")
	require.NoError(t, err)
	require.NoError(t, r.Start())
	r.life.Lock() // the late end has to wait
	r.endLater("slow")
	require.NoError(t, r.end("stop", 0))
	r.life.Unlock()
	// Whichever comes first now, the receiver is started once more.
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

func TestWhatHasStoppedHasNoPeers(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
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

// deafSubscriber accepts connections at an address, says that it wants everything,
// and never reads: what is sent to it stays where it is.
func deafSubscriber(t *testing.T) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			greetAsSubscriber(c)
		}
	}()
	return "tcp://" + l.Addr().String()
}

// greetAsSubscriber shakes hands, as a SUB that wants everything.
func greetAsSubscriber(c net.Conn) {
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	greeting := append([]byte{0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0}, "NULL"...)
	_, _ = c.Write(append(greeting, make([]byte, 64-len(greeting))...))
	_, _ = c.Write([]byte("\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB\x00\x01\x01"))
}

// stuck is a publisher with far more to send than its peer will ever read.
func stuck(t *testing.T) *Publisher {
	p := newPublisher(t, "zmtp", deafSubscriber(t), "heartbeat.interval", "0")
	require.NoError(t, p.WaitReady(soon))
	fill(t, p)
	return p
}

// fill publishes 32 MiB.
func fill(t *testing.T, p *Publisher) {
	data := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	for range 32 {
		require.NoError(t, p.Publish("big", "", data))
	}
}

func TestAStopWithoutEndCanBeCutShort(t *testing.T) {
	for name, cut := range map[string]func(Component){
		"by closing":  func(p Component) { _ = p.Close() },
		"by stopping": func(p Component) { _ = p.Stop(10 * time.Millisecond) },
		"by failing":  func(p Component) { p.Fail(errors.New("a fault")) },
	} {
		for _, of := range []string{"publisher", "node"} {
			t.Run(of+" "+name, func(t *testing.T) {
				p := stuck(t)
				var component Component = p
				if of == "node" {
					_ = p.Stop(0)
					n, err := NewNode("n", nil, p)
					require.NoError(t, err)
					require.NoError(t, n.Start())
					require.NoError(t, n.WaitReady(soon))
					fill(t, p)
					component = n
				}
				require.NoError(t, component.Set("linger", "10ms"))
				var err error
				var stop sync.WaitGroup
				stop.Go(func() { err = component.Stop(-1) })
				require.Eventually(t, func() bool { return get(t, component, "state") == "stopping" }, soon, time.Millisecond)
				testkit.Finish(t, name, func() { cut(component); stop.Wait() })
				code(t, ETIMEOUT, err, "not sent")
				s := p.Stats()
				require.Equal(t, s.Accepted, s.Sent+s.DroppedStop+s.DroppedNoPeer)
				require.NotZero(t, s.DroppedStop)
			})
		}
	}
}

// TestClosingEndsTheCarriersOwnFlush: what the carrier has taken may never go out.
func TestClosingEndsTheCarriersOwnFlush(t *testing.T) {
	p := newPublisher(t, "zmtp", deafSubscriber(t), "linger", "10ms")
	require.NoError(t, p.WaitReady(soon))
	const taken = 60 // no more than the carrier takes
	data := []byte(`"` + strings.Repeat("x", 64<<10) + `"`)
	for range taken {
		require.NoError(t, p.Publish("big", "", data))
	}
	require.Eventually(t, func() bool { return p.Stats().Sent == taken }, soon, time.Millisecond)
	var stop sync.WaitGroup
	stop.Go(func() { _ = p.Stop(-1) })
	require.Eventually(t, func() bool { return get(t, p, "state") != "running" }, soon, time.Millisecond)
	testkit.Finish(t, "closing", func() { _ = p.Close(); stop.Wait() })
}
