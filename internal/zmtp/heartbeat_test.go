package zmtp

import (
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// The peer reads, and never answers.
func TestSilentPeerIsGivenUp(t *testing.T) {
	for _, address := range []string{"tcp://127.0.0.1:*", "ipc://*"} {
		o := newOutlet(t, carrier.Drop, 0, bind(address), beat(20*time.Millisecond, 80*time.Millisecond))
		p := connectRaw(t, o.address())
		p.shakeHands("SUB", 1)
		_, body := p.receiveFrame()
		require.Equal(t, "\x04PING\x00\x00", string(body))
		p.requireHungUp()
		require.Contains(t, o.wait(t, carrier.Disconnected, 1).Reason, "heartbeat timeout: the peer sent nothing for ")
	}
}

func TestPeersThatAnswerStay(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), beat(5*time.Millisecond, 2*time.Second))
	i := newInlet(t, carrier.SUB, []string{"a"}, dial(o.address()), beat(-1, 0))
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	for range 20 { // PINGs come again and again
		_, body := p.receiveFrame()
		require.Equal(t, "\x04PING\x00\x00", string(body))
		p.send(appendCommand(nil, cmdPong))
	}
	old := connectRaw(t, o.address()) // ZMTP 3.0 has no PING
	old.shakeHands("SUB", 0)
	testkit.Eventually(t, func() bool { return len(o.Peers()) == 3 }, "three peers")
	i.eventLog.wait(t, carrier.Connected, 1)
	require.Nil(t, o.find(carrier.Disconnected, 0), "%v", o.eventLog)
	require.NoError(t, old.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := old.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout", "nothing was sent to the old one")
}

// A program that does not read for a while, on a machine that acknowledges, is slow and
// not gone.
func TestAPeerThatDoesNotReadIsNotGone(t *testing.T) {
	for _, address := range []string{"tcp://127.0.0.1:*", "ipc://*"} {
		o := newOutlet(t, carrier.Drop, 0, bind(address), beat(-1, 0))
		slow := &gatedSink{}
		slow.close()
		openGated(t, slow, dial(o.address()), beat(-1, 0))
		o.wait(t, carrier.Subscribed, 1)
		b := message(string(make([]byte, 1<<20)))
		n := 0
		testkit.Repeat(t, "the kernel takes no more", func() bool {
			o.Send(b)
			n++
			return o.Peers()[0].QueueMessages >= 5
		})
		c := (*o.peers.Load())[0]
		require.False(t, isGone(c, testkit.Soon), "it has not taken what we have for it")
		slow.open()
		slow.sink.wait(t, n)
		testkit.Eventually(t, func() bool { return isGone(c, testkit.Soon) }, "it has had everything")
	}
}

// While Deliver runs the connection is not read, so the silence is not the peer's.
func TestSilenceDoesNotCountWhileDeliverRuns(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), beat(-1, 0))
	slow := &gatedSink{}
	slow.close()
	d := &eventLog{}
	in := openGated(t, slow, dial(o.address()), beat(time.Hour, time.Hour), events(d)).(*inlet)
	o.wait(t, carrier.Subscribed, 1)
	o.Send(message("a"))
	c := (*in.peers.Load())[0]
	testkit.Eventually(t, c.busy.Load, "it is delivering")
	later := in.clock() + int64(3*time.Hour)
	c.heartbeat.check(c, later)
	c.heartbeat.check(c, later+int64(3*time.Hour))
	require.Nil(t, c.aborted.Load())
	slow.open()
	testkit.Eventually(t, func() bool { return !c.busy.Load() }, "it has delivered")
	later += int64(4 * time.Hour)
	c.heartbeat.check(c, later)
	require.Nil(t, c.aborted.Load(), "no PING has been sent yet")
	testkit.Eventually(t, func() bool { // once its system has acknowledged the PING
		c.heartbeat.check(c, later+int64(3*time.Hour))
		return c.aborted.Load() != nil
	}, "disconnected")
	require.Contains(t, d.wait(t, carrier.Disconnected, 1).Reason, "heartbeat timeout: the peer sent nothing for ")
}

// While events of a peer, or of others, are processed its connection is not read. It is
// sent PINGs meanwhile, and not disconnected, whether the subscriptions came behind its
// READY, later, or not at all.
func TestABusyConnectionIsNotSilent(t *testing.T) {
	ready, subscription := readyOf("SUB"), appendSubscription(nil, 1, true, []byte("a"))
	for name, c := range map[string]struct {
		blocks carrier.EventKind
		early  bool
	}{
		"subscriptions with the handshake": {carrier.Subscribed, true},
		"subscriptions later":              {carrier.Subscribed, false},
		"the event of the connection":      {carrier.Connected, false},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			release := sync.OnceFunc(func() { close(done) })
			o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), beat(20*time.Millisecond, 80*time.Millisecond),
				func(cfg *carrier.Config) {
					note := cfg.OnEvent
					cfg.OnEvent = func(e carrier.Event) {
						if note(e); e.Kind == c.blocks {
							<-done
						}
					}
				})
			t.Cleanup(release) // before the outlet closes, which waits for OnEvent
			p := connectRaw(t, o.address())
			if c.early {
				p.send(greeting(1), ready, subscription)
			} else {
				p.send(greeting(1), ready)
			}
			p.receive(greetingSize)
			p.receiveFrame() // its READY
			if !c.early && c.blocks == carrier.Subscribed {
				o.wait(t, carrier.Connected, 1)
				p.send(subscription)
			}
			o.wait(t, c.blocks, 1)
			for range 20 { // far longer than the heartbeat timeout
				_, body := p.receiveFrame()
				require.Equal(t, "\x04PING\x00\x00", string(body))
			}
			require.Nil(t, (*o.peers.Load())[0].aborted.Load())
			release()
			p.requireHungUp() // it never answers
			require.Contains(t, o.wait(t, carrier.Disconnected, 1).Reason, "heartbeat timeout: the peer sent nothing for ")
		})
	}
}

// A program that was suspended finds that nothing has been read for long, and in the
// kernel what its peers have sent meanwhile.
func TestUnreadBytesAreASignOfLife(t *testing.T) {
	for name, c := range map[string]struct {
		ttl    time.Duration
		reason string
	}{
		"of a peer that was sent a PING": {0, "heartbeat timeout: the peer sent nothing for "},
		"of one with a time to live":     {time.Second, "the peer sent nothing for the 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &outlet{}
			o.role, o.born = o, time.Now()
			o.cfg = carrier.Config{HeartbeatInterval: time.Second, HeartbeatTimeout: time.Second}.WithDefaults()
			ours, theirs := socketPair(t)
			conn, err := newConn(&o.socket, ours, remoteEnd{address: "pair"})
			require.NoError(t, err)
			conn.minor = 1
			conn.ttl.Store(int64(c.ttl))
			var writing sync.WaitGroup
			writing.Go(conn.write)
			defer writing.Wait()
			defer conn.out.kill()
			conn.readingAgain() // and nothing reads
			readPing := func() {
				_, err := io.ReadFull(theirs, make([]byte, len(appendPing(nil))))
				require.NoError(t, err)
				testkit.Eventually(t, conn.out.idle, "what was written is off the queue")
			}
			if c.ttl == 0 {
				conn.heartbeat.check(conn, int64(time.Hour))
				require.Nil(t, conn.aborted.Load(), "the first PING has been sent only now")
				readPing()
			}
			_, err = theirs.Write(appendCommand(nil, cmdPong))
			require.NoError(t, err)
			conn.heartbeat.check(conn, int64(2*time.Hour))
			require.Nil(t, conn.aborted.Load(), "it has answered")
			readPing()
			_, err = io.ReadFull(ours, make([]byte, len(appendCommand(nil, cmdPong))))
			require.NoError(t, err)
			conn.heartbeat.check(conn, int64(3*time.Hour))
			require.NotNil(t, conn.aborted.Load())
			require.ErrorContains(t, *conn.aborted.Load(), c.reason)
		})
	}
}

func TestTimeToLiveOfThePeer(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), beat(-1, 40*time.Millisecond))
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	p.send(appendCommand(nil, cmdPing, []byte{0, 1})) // a tenth of a second
	p.requireHungUp()
	require.Equal(t, "heartbeat timeout: the peer sent nothing for the 100ms that it had announced", o.wait(t, carrier.Disconnected, 1).Reason)
}

// A peer of which nothing is due costs no check.
func TestPeersAreCheckedWhenSomethingIsDue(t *testing.T) {
	const second = int64(time.Second)
	c := &conn{s: &socket{}, minor: 1}
	c.s.cfg.HeartbeatInterval, c.s.cfg.HeartbeatTimeout = 4*time.Second, 10*time.Second
	h := &c.heartbeat
	due := func(now int64) time.Duration { return h.due(c, now*second) }

	h.lastHeard.Store(1 * second)
	require.Equal(t, 3*time.Second, due(2), "a PING")
	h.lastPing, h.unansweredSince = 5*second, 5*second
	require.Equal(t, 3*time.Second, due(6), "the next one")
	h.lastPing = 13 * second
	require.Equal(t, time.Second, due(14), "it is gone")
	h.ttl.Store(second)
	require.Zero(t, due(14))
	h.ttl.Store(0)
	h.busy.Store(true)
	require.Zero(t, due(14))
	h.busy.Store(false)
	c.minor = 0
	require.Zero(t, due(14))
}
