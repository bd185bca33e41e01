package zmtp

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func with(change func(*carrier.Config)) option { return change }

func limit(change func(*carrier.Limits)) option {
	return func(c *carrier.Config) { change(&c.Limits) }
}

func TestHandshakeTimeout(t *testing.T) {
	short := with(func(c *carrier.Config) { c.HandshakeTimeout = 50 * time.Millisecond })
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), short)
	silent := connectRaw(t, o.address())
	slow := connectRaw(t, o.address())
	go func() { // an endless greeting, a byte at a time
		for _, c := range bytes.Repeat(ownGreeting[:10], 1000) {
			if _, err := slow.Write([]byte{c}); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	silent.requireHungUp()
	slow.requireHungUp()
	for n := 1; n <= 2; n++ {
		require.Contains(t, o.wait(t, carrier.HandshakeFailed, n).Reason, "within 50ms")
	}
	require.Nil(t, o.find(carrier.Connected, 0))
}

func TestDialledPeerThatRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	i := newInlet(t, carrier.SUB, nil, dial("tcp://"+l.Addr().String()))
	for n := 1; n <= 2; n++ {
		c, err := l.Accept()
		require.NoError(t, err)
		s := &rawPeer{c, t}
		s.send(greeting(1), appendError(nil, "no entry"))
		e := i.eventLog.wait(t, carrier.HandshakeFailed, n)
		require.Equal(t, `the peer refused: "no entry"`, e.Reason)
		require.Equal(t, "tcp://"+l.Addr().String(), e.Address)
		i.eventLog.wait(t, carrier.Retrying, n)
		_ = c.Close()
	}
}

func TestRefusedPeerIsToldWhy(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	p := connectRaw(t, o.address())
	p.send(greeting(1), readyOf("PULL"))
	p.receive(greetingSize)
	p.receiveFrame() // its READY
	_, body := p.receiveFrame()
	name, data, err := parseCommand(body)
	require.NoError(t, err)
	require.Equal(t, cmdError, name)
	require.Equal(t, `"a peer of type \"PULL\" cannot be connected to a XPUB"`, errorReason(data))
	p.requireHungUp()
}

func TestConnectionLimit(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), limit(func(l *carrier.Limits) { l.Connections = 2 }))
	first := connectRaw(t, o.address())
	connectRaw(t, o.address())
	testkit.Eventually(t, func() bool { return connections(&o.socket) == 2 }, "two connections")
	connectRaw(t, o.address()).requireHungUp()
	require.Contains(t, o.wait(t, carrier.HandshakeFailed, 1).Reason, "2 connections already")
	_ = first.Close()
	o.wait(t, carrier.HandshakeFailed, 2)
	connectRaw(t, o.address()).shakeHands("SUB", 1)
	o.wait(t, carrier.Connected, 1)
}

// TestRandomBytes: noise, bare and behind a proper handshake, hurts nobody else.
func TestRandomBytes(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{"a"}, bind("tcp://127.0.0.1:*"), dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	random := rand.New(rand.NewPCG(7, 8))
	for round := range 60 {
		noise := make([]byte, 1+random.IntN(5000))
		for at := range noise {
			noise[at] = byte(random.IntN(256))
		}
		for _, target := range []struct{ at, kind string }{{o.address(), "SUB"}, {i.address(), "PUB"}} {
			p := connectRaw(t, target.at)
			if round%2 == 0 {
				p.shakeHands(target.kind, byte(round/2%2))
			}
			_, _ = p.Write(noise)
			_ = p.Close()
		}
		require.Equal(t, 1, o.Send(message("a", "b")).Sent)
	}
	testkit.Eventually(t, func() bool { return connections(&o.socket) == 1 && connections(&i.socket) == 1 }, "all peers gone")
	testkit.Eventually(t, func() bool { return count(i.got(), "a") == 60 }, "what was meant for it")
	require.Equal(t, 1, wanted(o.outlet))
}

func count(messages [][]string, topic string) (n int) {
	for _, m := range messages {
		if len(m) == 2 && m[0] == topic && m[1] == "b" {
			n++
		}
	}
	return n
}

func TestMessageLimits(t *testing.T) {
	i := newInlet(t, carrier.SUB, []string{""}, bind("tcp://127.0.0.1:*"), func(c *carrier.Config) {
		c.MaxMessage, c.Limits.Frames = 1000, 3
	})
	for n, c := range []struct {
		says   []byte
		reason string
	}{
		{message(string(make([]byte, 600)), string(make([]byte, 401))).Buf, "more than 1000 bytes"},
		{[]byte{2, 0x0f, 0, 0, 0, 0, 0, 0, 0}, "more than 1000 bytes"},
		{message("a", "b", "c", "d").Buf, "more than 3 frames"},
		{[]byte{6, 0, 0, 0, 0, 1, 0, 0, 0}, "a command of 16777216 bytes"},
	} {
		p := connectRaw(t, i.address())
		p.shakeHands("PUB", 1)
		p.send(message(string(make([]byte, 500)), string(make([]byte, 500))).Buf, c.says)
		p.requireHungUp()
		require.Contains(t, i.eventLog.wait(t, carrier.Disconnected, n+1).Reason, c.reason)
		i.sink.wait(t, n+1)
	}
}

func TestSubscriptionFlood(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), limit(func(l *carrier.Limits) { l.Subscriptions = 1000 }))
	good := newInlet(t, carrier.SUB, []string{"good"}, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	var flood []byte
	for n := range 2000 {
		flood = appendSubscription(flood, byte(n%2), true, []byte{byte(n), byte(n >> 8), 'x'})
	}
	p.send(flood)
	p.requireHungUp()
	require.Contains(t, o.wait(t, carrier.Disconnected, 1).Reason, "more than 1000 subscriptions")
	require.Equal(t, 1, wanted(o.outlet))
	require.Equal(t, 1, o.Send(message("good")).Sent)
	good.sink.wait(t, 1)
	require.Len(t, o.all(), 2+1+2*1000+1, "two peers, and every subscription came and went")
}

// TestPingFlood: a peer that asks without end and never reads the answers costs a
// few kilobytes.
func TestPingFlood(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("ipc://*"))
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	pings := bytes.Repeat(appendCommand(nil, cmdPing, []byte("\x00\x000123456789abcdef")), 20_000)
	for range 10 {
		p.send(pings)
	}
	p.send(appendSubscription(nil, 1, true, nil))
	o.wait(t, carrier.Subscribed, 1)
	require.Less(t, o.Peers()[0].QueueBytes, int64(2*maxControl))
}

func TestPong(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, nil, bind("tcp://127.0.0.1:*"))
	for _, target := range []struct{ at, kind string }{{o.address(), "XSUB"}, {i.address(), "XPUB"}} {
		p := connectRaw(t, target.at)
		p.shakeHands(target.kind, 1)
		for _, context := range []string{"", "0123456789abcdef"} {
			p.send(appendCommand(nil, cmdPing, []byte("\x00\x00"), []byte(context)))
			flags, body := p.receiveFrame()
			require.Equal(t, byte(batch.FlagCommand), flags)
			require.Equal(t, "\x04PONG"+context, string(body))
		}
	}
}

func beat(interval, timeout time.Duration) option {
	return func(c *carrier.Config) { c.HeartbeatInterval, c.HeartbeatTimeout = interval, timeout }
}

// TestSilentPeerIsGivenUp: it reads, and never answers.
func TestSilentPeerIsGivenUp(t *testing.T) {
	for _, address := range []string{"tcp://127.0.0.1:*", "ipc://*"} {
		o := newOutlet(t, carrier.Drop, 0, bind(address), beat(20*time.Millisecond, 80*time.Millisecond))
		p := connectRaw(t, o.address())
		p.shakeHands("SUB", 1)
		_, body := p.receiveFrame()
		require.Equal(t, "\x04PING\x00\x00", string(body))
		p.requireHungUp()
		require.Contains(t, o.wait(t, carrier.Disconnected, 1).Reason, "no sign of life for ")
	}
}

func TestAnsweringPeersStay(t *testing.T) {
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

// TestHalfOpenPeerIsNoticed: the machine of the peer has vanished without a word,
// with data on the way to it.
func TestHalfOpenPeerIsNoticed(t *testing.T) {
	for _, c := range []struct {
		minor byte
		busy  bool
	}{{1, false}, {1, true}, {0, true}} {
		o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), beat(100*time.Millisecond, 600*time.Millisecond))
		p := connectRaw(t, o.address())
		p.shakeHands("SUB", c.minor)
		p.send(appendSubscription(nil, 1, true, nil))
		o.wait(t, carrier.Subscribed, 1)
		p.vanish()
		if c.busy {
			testkit.Repeat(t, "the kernel takes no more", func() bool {
				o.Send(message(string(make([]byte, 100_000))))
				peers := o.Peers()
				return len(peers) == 0 || peers[0].QueueMessages > 0
			})
		}
		require.Contains(t, o.wait(t, carrier.Disconnected, 1).Reason, "no sign of life for ")
	}
}

// TestStoppedPeerIsNotGone: a program that does not read for a while, on a machine
// that answers, is slow and not gone.
func TestStoppedPeerIsNotGone(t *testing.T) {
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

// TestBlockedDeliverIsNotSilence: while Deliver is at work nobody listens, and the
// peer is not to blame.
func TestBlockedDeliverIsNotSilence(t *testing.T) {
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
	require.Nil(t, c.aborted.Load(), "it has not been asked yet")
	testkit.Eventually(t, func() bool { // once its system has taken the question
		c.heartbeat.check(c, later+int64(3*time.Hour))
		return c.aborted.Load() != nil
	}, "given up")
	require.Contains(t, d.wait(t, carrier.Disconnected, 1).Reason, "no sign of life for ")
}

// TestABusyConnectionIsNotSilent: while events of a peer, or of others, are processed
// its connection is not read. It is sent PINGs meanwhile, and not given up, whether the
// subscriptions came behind its READY, later, or not at all.
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
			for range 20 { // more than enough to be given up in
				_, body := p.receiveFrame()
				require.Equal(t, "\x04PING\x00\x00", string(body))
			}
			require.Nil(t, (*o.peers.Load())[0].aborted.Load())
			release()
			p.requireHungUp() // it never answers
			require.Contains(t, o.wait(t, carrier.Disconnected, 1).Reason, "no sign of life for ")
		})
	}
}

// TestWhatHasComeUnreadIsASignOfLife: a program that was suspended finds that it has
// heard nothing for long, and in the kernel what its peers have sent meanwhile.
func TestWhatHasComeUnreadIsASignOfLife(t *testing.T) {
	for name, c := range map[string]struct {
		ttl    time.Duration
		reason string
	}{
		"of a peer that was asked":   {0, "no sign of life for "},
		"of one with a time to live": {time.Second, "silent for longer than the 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &outlet{}
			o.role, o.born = o, time.Now()
			o.cfg = withDefaults(carrier.Config{HeartbeatInterval: time.Second, HeartbeatTimeout: time.Second})
			ours, theirs := pair(t)
			conn, err := newConn(&o.socket, ours, "pair")
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
			}
			if c.ttl == 0 {
				conn.heartbeat.check(conn, int64(time.Hour))
				require.Nil(t, conn.aborted.Load(), "it has only been asked now")
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
	require.Equal(t, "silent for longer than the 100ms that the peer announced", o.wait(t, carrier.Disconnected, 1).Reason)
}

// TestSubscriptionThatNobodyReads: subscriptions for a peer that does not read them are
// not kept without end.
func TestSubscriptionThatNobodyReads(t *testing.T) {
	i := newInlet(t, carrier.SUB, nil, bind("ipc://*"))
	p := connectRaw(t, i.address())
	p.shakeHands("PUB", 1)
	i.eventLog.wait(t, carrier.Connected, 1)
	prefix := make([]byte, 100_000)
	testkit.Repeat(t, "the peer is given up", func() bool {
		require.NoError(t, i.Subscribe(prefix))
		require.NoError(t, i.Unsubscribe(prefix))
		return i.eventLog.find(carrier.Disconnected, 0) != nil
	})
	require.Contains(t, i.eventLog.wait(t, carrier.Disconnected, 1).Reason, "the peer does not read")
}
