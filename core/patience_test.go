package core

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

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

func TestAPostOfficeWithADeafSubscriberCanBeClosed(t *testing.T) {
	po := newOffice(t, "zmtp", "heartbeat.interval", "0", "linger", "10ms")
	c, err := net.Dial("tcp", strings.TrimPrefix(get(t, po, "endpoint.out"), "tcp://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	greetAsSubscriber(c)
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"), "ready.hold", "30s")
	require.NoError(t, p.WaitReady(soon))
	fill(t, p)
	require.Eventually(t, func() bool { return po.Stats().InMessages == 32 }, soon, time.Millisecond)
	var stop sync.WaitGroup
	stop.Go(func() { err = po.Stop(-1) })
	require.Eventually(t, func() bool { return get(t, po, "state") == "stopping" }, soon, time.Millisecond)
	testkit.Finish(t, "closing", func() { _ = po.Close(); stop.Wait() })
	code(t, ETIMEOUT, err, "not sent")
	s := po.Stats()
	require.NotZero(t, s.Dropped)
	require.Equal(t, s.InMessages, s.OutMessages+s.Unwanted+s.Dropped)
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
