package core

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestABatchWithAnEnvelopeThatIsTooBigIsNotQueuedAtAll(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:9", "message.bytes", "100")
	n, err := p.PublishBatch([]byte(`[["a", null, 1], ["b", null, "` + strings.Repeat("x", 100) + `"]]`))
	code(t, ETOOBIG, err, "message.bytes")
	require.Zero(t, n)
	require.Zero(t, p.Stats().Accepted)
}

// TestWhatIsAcceptedIsNotTooBigForAPeer: a topic may grow sixfold on the wire, and a
// peer hangs up on what is above its limit.
func TestWhatIsAcceptedIsNotTooBigForAPeer(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		const limit = 4 << 20
		po := newOffice(t, engine, "message.bytes", "4MiB")
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "message.bytes", "4MiB", "on_slow", "ignore")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "message.bytes", "4MiB", "ready.hold", "30s")
		controls := func(n int) string { return strings.Repeat("\x01", n) }
		code(t, ETOOBIG, p.Publish(controls(1<<20), "", []byte("1")), "message.bytes")
		code(t, ETOOBIG, p.Publish("t", controls(1<<20), []byte("1")), "message.bytes")
		for _, topic := range []string{controls(shortTopic), strings.Repeat("x", limit/2), controls(limit/6 - 100)} {
			data := `"` + strings.Repeat("y", limit-len(topic)-100) + `"`
			if err := p.Publish(topic, "", []byte(data)); CodeOf(err) == ETOOBIG {
				data = "1"
				require.NoError(t, p.Publish(topic, "", []byte(data)))
			}
			e, err := r.Recv(soon)
			require.NoError(t, err)
			require.True(t, e.Topic == topic && string(e.Data) == data)
		}
		require.Len(t, po.Stats().Publishers, 1)
	})
}

// TestWhatWentDownWithAConnectionIsNotCountedAsSent: a peer that breaks off leaves
// behind what the publisher still had for it.
func TestWhatWentDownWithAConnectionIsNotCountedAsSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	peers := make(chan net.Conn)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			greetAsSubscriber(c)
			peers <- c
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	p := newPublisher(t, "zmtp", "tcp://"+l.Addr().String(), "ready.hold", "0", "reconnect.min", "1h", "reconnect.max", "1h", "heartbeat.interval", "0")
	peer := <-peers
	require.NoError(t, p.WaitReady(soon))
	fill(t, p) // 32 MiB, of which the kernel takes some and the carrier 4 MiB
	require.Eventually(t, func() bool { s := p.Stats(); return len(s.Peers) == 1 && s.Peers[0].QueueMessages > 0 }, soon, time.Millisecond)
	require.NoError(t, peer.Close())
	require.Eventually(t, func() bool { return p.Stats().Queued == 0 }, soon, time.Millisecond)
	s := p.Stats()
	require.EqualValues(t, 32, s.Accepted)
	require.EqualValues(t, 32, s.Sent+s.DroppedNoPeer, "%s", statsJSON(s))
	require.Zero(t, s.Unwanted)
	require.LessOrEqual(t, s.Sent<<20, uint64(24<<20), "the kernel may have had a few")
}

func TestTryPublishTakesOneEntryOfABatch(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:9", "message.bytes", "100", "ready.hold", "1h", "linger", "0")
	require.NoError(t, p.TryPublish([]byte(` ["a", null, {"b": [NaN]}] `)))
	code(t, EJSON, p.TryPublish([]byte(`["a", null, 1`)), "not one JSON value")
	code(t, EINVAL, p.TryPublish([]byte(`[1, null]`)), "topic")
	code(t, ETOOBIG, p.TryPublish([]byte(`["a", null, "`+strings.Repeat("x", 100)+`"]`)), "message.bytes")
	require.EqualValues(t, 1, p.Stats().Accepted)
	require.EqualValues(t, 1, p.Stats().Queued)
	_ = p.Stop(0)
	code(t, ESTATE, p.TryPublish([]byte(`["a", null, 1]`)), "pub")
}

// TestThePublishersDescriptorTellsOfRoom: it is unreadable from an attempt that found no
// room until there is some, and at the end it lets everybody go.
func TestThePublishersDescriptorTellsOfRoom(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "queue.messages", "2", "ready.hold", "1h", "linger", "0")
		fd, err := p.FD()
		require.NoError(t, err)
		row := []byte(`["t", null, 1]`)
		for range 2 {
			require.NoError(t, p.TryPublish(row))
			require.True(t, testkit.Readable(t, fd, 0))
		}
		for range 2 {
			code(t, ETIMEOUT, p.TryPublish(row), "full for now")
			require.False(t, testkit.Readable(t, fd, 0))
		}
		s := p.Stats()
		require.EqualValues(t, []any{2, 0}, []any{int(s.Accepted), int(s.DroppedFull)}, "an attempt is not counted")

		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		require.True(t, testkit.Readable(t, fd, soon))
		require.NoError(t, p.TryPublish(row))
		collect(t, r, 3)

		require.NoError(t, r.Stop(0))
		require.Eventually(t, func() bool { // until it holds back again, with nobody to send to
			for p.TryPublish(row) == nil {
				continue
			}
			return !testkit.Readable(t, fd, 0)
		}, soon, time.Millisecond)
		_ = p.Stop(0)
		require.True(t, testkit.Readable(t, fd, 0))
		require.NoError(t, p.Close())
		_, err = p.FD()
		code(t, EBADHANDLE, err, "closed")
	})
}

// TestNoRoomIsMissed: who waits on the descriptor alone gets everything through a queue
// that is nearly always full.
func TestNoRoomIsMissed(t *testing.T) {
	po := newOffice(t, "zmtp")
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), "on_slow", "ignore")
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"), "queue.messages", "3", "ready.hold", "30s")
	fd, err := p.FD()
	require.NoError(t, err)
	const count = 5000
	for n := 0; n < count; {
		switch err := p.TryPublish([]byte(`["t", null, 1]`)); CodeOf(err) {
		case OK:
			n++
		case ETIMEOUT:
			require.True(t, testkit.Readable(t, fd, soon))
		default:
			require.NoError(t, err)
		}
	}
	collect(t, r, count)
}

// TestAHigherBoundMakesRoom: a caller that waits for room learns of a new bound, even where nothing
// is sent that would make some.
func TestAHigherBoundMakesRoom(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:1", "ready.hold", "1h", "queue.messages", "1", "queue.block", "1h")
	require.NoError(t, p.Publish("t", "", []byte("1")))
	published := make(chan error, 1)
	go func() { published <- p.Publish("t", "", []byte("2")) }()
	fd, err := p.FD()
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !testkit.Readable(t, fd, 0) }, soon, time.Millisecond, "it waits")
	set(t, p, "queue.messages", "2")
	require.NoError(t, testkit.Receive(t, published, "a publish that waits for room"))
	code(t, ETIMEOUT, p.TryPublish([]byte(`["t", null, 3]`)), "full")
	require.False(t, testkit.Readable(t, fd, 0))
	set(t, p, "queue.messages", "3")
	require.True(t, testkit.Readable(t, fd, 0))
	require.NoError(t, p.TryPublish([]byte(`["t", null, 3]`)))
	require.EqualValues(t, 3, p.Stats().Queued)
}

// TestNothingIsLostInAQuickSuccession: every envelope of a quick succession
// arrives, in order, and so does the last one.
func TestNothingIsLostInAQuickSuccession(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "ready.hold", "30s")
		const count = 5000
		for range count {
			require.NoError(t, p.TryPublish([]byte(`["t", null, 1]`)))
			for end := time.Now().Add(3 * time.Microsecond); time.Now().Before(end); {
			}
		}
		require.Len(t, collect(t, r, count), count)
		// The publisher counts what it has sent when the carrier is back, so perhaps later.
		require.Eventually(t, func() bool { return p.Stats().Sent == count }, soon, pollEvery)
	})
}
