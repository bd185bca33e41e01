package core

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	eachTransport(t, func(t *testing.T, engine string) {
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

// TestEnvelopesLostWithAConnectionAreNotCountedAsSent: a peer that breaks off leaves
// behind what the publisher still had for it.
func TestEnvelopesLostWithAConnectionAreNotCountedAsSent(t *testing.T) {
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

// TestNothingIsLostInAQuickSuccession: every envelope of a quick succession
// arrives, in order, and so does the last one.
func TestNothingIsLostInAQuickSuccession(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
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

// TestATimeThatNoReceiverTakesIsRefused: the receivers would drop the envelope as
// malformed, long after the publisher could have been told.
func TestATimeThatNoReceiverTakesIsRefused(t *testing.T) {
	p, err := NewPublisher("@tcp://127.0.0.1:*", "calm")
	require.NoError(t, err)
	require.NoError(t, p.Start())
	defer func() { _ = p.Close() }()
	for _, ts := range []string{`"now"`, `"x1"`, `"1 2"`, `" "`, `"0x10"`, `"1__0"`, `[1]`, `{"k": 1}`, `[[]]`} {
		row := `["t", "o", 1, ` + ts + `]`
		code(t, EINVAL, p.TryPublish([]byte(row)), "its time")
		n, err := p.PublishBatch([]byte(`[["t", "o", 1], ` + row + `]`))
		require.Zero(t, n, ts)
		code(t, EINVAL, err, "element 1", "its time")
	}
	require.Zero(t, p.Stats().Accepted)
	good := []string{`1`, `-5`, `1e999`, `NaN`, `""`, `"1517670000.5"`, `" 1_0 "`, `"nan"`, `null`, `true`, `false`, `[]`, `{}`, `0`}
	for _, ts := range good {
		require.NoError(t, p.TryPublish([]byte(`["t", "o", 1, `+ts+`]`)), ts)
	}
	require.EqualValues(t, len(good), p.Stats().Accepted)
}

// TestAnyTimeGoesOutWhereItIsWanted: programs for 1.x may send what they like.
func TestAnyTimeGoesOutWhereItIsWanted(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p, err := NewPublisher(get(t, po, "endpoint.in"), "old")
		require.NoError(t, err)
		set(t, p, "engine", engine)
		set(t, p, "times", "any")
		require.NoError(t, p.Start())
		defer func() { _ = p.Close() }()
		require.NoError(t, p.TryPublish([]byte(`["t", "o", 1, "now"]`)))
		_, err = p.PublishBatch([]byte(`[["t", "o", 2, {"k": 1}], ["t", "o", 3]]`))
		require.NoError(t, err)
		require.Equal(t, "3", string(collect(t, r, 1)[0].Data))
		require.EqualValues(t, 2, r.Stats().DroppedMalformed)
	})
}

func TestABurstLosesNothingAndKeepsItsOrder(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		const n = 200_000
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		go func() {
			for i := range n {
				_ = p.Publish("burst", "", fmt.Appendf(nil, "%d", i))
			}
		}()
		for i, e := range collect(t, r, n) {
			if string(e.Data) != fmt.Sprint(i) || e.Lost != 0 {
				require.Equal(t, fmt.Sprint(i), string(e.Data))
				require.Zero(t, e.Lost)
			}
		}
		require.NoError(t, p.Stop(soon))
		s := p.Stats()
		require.EqualValues(t, n, s.Accepted)
		require.EqualValues(t, n, s.Sent)
		rs := r.Stats()
		require.EqualValues(t, n, rs.Delivered)
		require.Zero(t, rs.Lost+rs.Duplicates)
		ps := po.Stats()
		require.EqualValues(t, n, ps.InMessages)
		require.EqualValues(t, n, ps.OutMessages)
	})
}

func TestUnwantedEnvelopesAreCountedAndNeverWait(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		require.NoError(t, r.Subscribe("wanted"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, p.WaitReady(soon))
		for range 5000 {
			require.NoError(t, p.Publish("other", "", []byte("1")))
		}
		require.NoError(t, p.Publish("wanted", "", []byte("1")))
		collect(t, r, 1)
		require.NoError(t, p.Stop(soon))
		s := p.Stats()
		require.EqualValues(t, 5000, s.Unwanted)
		require.EqualValues(t, 1, s.Sent)
	})
}

func TestWithoutAPostOfficeAProgramRunsOn(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPublisher(t, engine, "tcp://127.0.0.1:1", "ready.hold", "100ms", "queue.messages", "1000")
		for range 20_000 {
			require.NoError(t, p.Publish("t", "", []byte("1")))
		}
		require.NoError(t, p.Stop(soon))
		s := p.Stats()
		require.EqualValues(t, 20_000, s.Accepted)
		require.EqualValues(t, 20_000, s.DroppedNoPeer)
		require.Zero(t, s.Queued)
	})
}

func TestWhatIsPublishedRightAfterStartArrives(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		for i := range 20 {
			p := newPublisher(t, engine, get(t, po, "endpoint.in"))
			require.NoError(t, p.Publish("t", "", fmt.Appendf(nil, "%d", i)))
			require.NoError(t, p.Stop(soon))
			require.Equal(t, fmt.Sprint(i), string(collect(t, r, 1)[0].Data))
		}
	})
}

func TestBadInputIsNamed(t *testing.T) {
	_, err := NewPublisher("tcp://127.0.0.1:1", "")
	code(t, EINVAL, err, "name")
	_, err = NewReceiver("tcp://127.0.0.1:1", "\xff")
	code(t, EUTF8, err, `"\xff"`)
	for _, bad := range []string{"", "nonsense", "tcp://", "://x", "smoke://x", "tcp://a:1,,"} {
		_, err = NewReceiver(bad, "n")
		code(t, EADDRESS, err)
	}
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPublisher(t, engine, "tcp://127.0.0.1:1")
		code(t, EJSON, p.Publish("t", "", []byte("{")), `"{"`)
		code(t, EJSON, p.Publish("t", "", nil))
		code(t, EUTF8, p.Publish("\xff", "", []byte("1")), "topic")
		code(t, EUTF8, p.Publish("t", "\xff", []byte("1")), "origin")
		code(t, EOPTION, p.Set("nosuch", "1"), "nosuch", "queue.messages")
		code(t, EOPTION, p.Set("queue.block", "yesterday"), "queue.block", "yesterday")
		code(t, EOPTION, p.Set("queue.messages", "0"), "queue.messages")
		code(t, EOPTION, p.Set("queue.bytes", "99999999999GiB"))
		code(t, ESTATE, p.Set("engine", "auto"), "engine")
		code(t, ESTATE, p.Start(), "already")
		_, err := p.Get("nosuch")
		code(t, EOPTION, err, "nosuch")
		n, err := p.PublishBatch([]byte(`[["a",null,1],["b"]]`))
		code(t, EINVAL, err, "element 1")
		require.Zero(t, n)
		_, err = p.PublishBatch([]byte(`[`))
		code(t, EJSON, err)
		require.Zero(t, p.Stats().Accepted)
		require.NoError(t, p.Close())
		code(t, ESTATE, p.Publish("t", "", []byte("1")), "stopped")
		code(t, ESTATE, p.Start(), "closed")

		po := newOffice(t, engine)
		taken, err := NewPostOffice(get(t, po, "endpoint.in"), "tcp://127.0.0.1:*", "")
		require.NoError(t, err)
		set(t, taken, "engine", engine)
		code(t, EADDRINUSE, taken.Start(), get(t, po, "endpoint.in"))
		nowhere, err := NewPostOffice("tcp://nosuchinterface:1", "tcp://127.0.0.1:*", "")
		require.NoError(t, err)
		set(t, nowhere, "engine", engine)
		code(t, EADDRESS, nowhere.Start(), "nosuchinterface")
		fresh, err := NewReceiver("tcp://127.0.0.1:1", "fresh")
		require.NoError(t, err)
		_, err = fresh.Recv(soon)
		code(t, ESTATE, err, "fresh")
		_, err = fresh.Take(0, 0)
		code(t, EINVAL, err)
	})
}

func TestReceiverOfManyTopicsMissesNothingAtTheStart(t *testing.T) {
	const topics = 20
	for range 20 {
		office, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
		require.NoError(t, err)
		require.NoError(t, office.Start())
		in, err := office.Get("endpoint.in")
		require.NoError(t, err)
		out, err := office.Get("endpoint.out")
		require.NoError(t, err)

		receiver, err := NewReceiver(out, "receiver")
		require.NoError(t, err)
		for i := range topics {
			require.NoError(t, receiver.Subscribe(fmt.Sprintf("%d/", i)))
		}
		require.NoError(t, receiver.Start())
		publisher, err := NewPublisher(in, "publisher")
		require.NoError(t, err)
		require.NoError(t, publisher.Set("ready.hold", "30s"))
		require.NoError(t, publisher.Start())
		for i := range topics {
			require.NoError(t, publisher.Publish(fmt.Sprintf("%d/", i), "", []byte("1")))
		}
		for i := range topics {
			e, err := receiver.Recv(30 * time.Second)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%d/", i), e.Topic)
		}
		for _, component := range []Component{publisher, receiver, office} {
			require.NoError(t, component.Close())
		}
	}
}
