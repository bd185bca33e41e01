package core

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// TestAStalledSubscriberSlowsNobodyElse, and pays for itself alone.
func TestAStalledSubscriberSlowsNobodyElse(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine, "heartbeat.interval", "0")
		out := get(t, po, "endpoint.out")
		set(t, po, "queue.messages", "1000", "queue.bytes", "1MiB") // at any time
		newReceiver(t, engine, out, "on_slow", "ignore", "queue.messages", "1", "queue.full", "block", "queue.block", "1h")
		require.Eventually(t, func() bool { return len(po.Stats().Subscribers) == 1 }, soon, time.Millisecond)
		deaf := po.Stats().Subscribers[0].ID
		set(t, po, "queue.messages", "1000000", "queue.bytes", "1GiB")
		r := newReceiver(t, engine, out, "on_slow", "ignore")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, r.WaitReady(soon))
		require.NoError(t, p.WaitReady(soon))
		probes := reach(t, p, "t", "", r)
		if engine == "zmtp" {
			set(t, po, "queue.messages", "1000") // for those who are there, too
		}
		const n = 30_000
		data := []byte(`"` + strings.Repeat("x", 1000) + `"`)
		for i := range n {
			require.NoError(t, p.Publish("t", "", data))
			if i%500 == 499 { // within the bound of one who reads
				collect(t, r, 500)
			}
		}
		require.Zero(t, r.Stats().Lost)
		// A batch is booked when it has been handed out, which may be a moment after it arrived.
		require.Eventually(t, func() bool { return int(po.Stats().OutMessages) == n+probes }, soon, time.Millisecond)
		for _, s := range po.Stats().Subscribers {
			require.Equal(t, "subscriber", s.Role)
			if engine == "zmtp" && s.ID == deaf {
				require.EqualValues(t, n+probes, s.Sent+s.Dropped+uint64(s.QueueMessages))
				require.NotZero(t, s.Dropped)
				require.LessOrEqual(t, s.QueueMessages, 1000)
			} else if engine == "zmtp" {
				require.Zero(t, s.Dropped)
			}
		}
		require.Len(t, po.Stats().Publishers, 1)
		require.Equal(t, "publisher", po.Stats().Publishers[0].Role)
	})
}

// reach publishes to a topic until every receiver has got some of it, which says that
// their subscriptions have come all the way, and takes all of it off their queues. (A
// receiver is ready when it is connected, which its subscription may be later than.) It
// reports how many envelopes were published.
func reach(t *testing.T, p *Publisher, topic, origin string, receivers ...*Receiver) (published int) {
	t.Helper()
	publish := func() {
		require.NoError(t, p.Publish(topic, origin, fmt.Append(nil, published)))
		published++
	}
	for _, r := range receivers {
		testkit.Repeat(t, "an envelope of topic "+topic+" arrives", func() bool {
			publish()
			_, err := r.Recv(20 * time.Millisecond)
			return err == nil
		})
	}
	last := fmt.Sprint(published)
	publish()
	for _, r := range receivers {
		testkit.Repeat(t, "all envelopes of topic "+topic+" arrive", func() bool {
			e, err := r.Recv(soon)
			require.NoError(t, err)
			return e.Topic == topic && string(e.Data) == last
		})
	}
	return published
}

// TestTheCopyForDebuggingHasSubscribersOfItsOwn, who are told apart.
func TestTheCopyForDebuggingHasSubscribersOfItsOwn(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
		require.NoError(t, err)
		set(t, po, "engine", engine)
		require.NoError(t, po.Start())
		defer func() { _ = po.Close() }()
		newReceiver(t, engine, get(t, po, "endpoint.debug"))
		require.Eventually(t, func() bool { return len(po.Stats().Subscribers) == 1 }, soon, time.Millisecond)
		require.Equal(t, "debug", po.Stats().Subscribers[0].Role)
	})
}

// TestAFrozenPeerIsNoticed by every component, and by default within ten seconds.
func TestAFrozenPeerIsNoticed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	go func() { // shakes hands, and then says nothing more
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			greeting := append([]byte{0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 1}, "NULL"...)
			_, _ = c.Write(append(greeting, make([]byte, 64-len(greeting))...))
			_, _ = c.Write([]byte("\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x04XPUB"))
		}
	}()
	quick := []string{"heartbeat.interval", "30ms", "heartbeat.timeout", "60ms", "reconnect.min", "1ms"}
	r := newReceiver(t, "zmtp", "tcp://"+l.Addr().String(), quick...)
	require.Contains(t, eventOf(t, r, "disconnected").Text, "no sign of life")
	require.Equal(t, "connected", eventOf(t, r, "connected").Kind, "it tries again")

	po, err := NewPostOffice(">tcp://"+l.Addr().String(), "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, po, quick...)
	require.NoError(t, po.Start())
	defer func() { _ = po.Close() }()
	require.Contains(t, eventOf(t, po, "disconnected").Text, "no sign of life")

	for _, p := range []Component{r, po, newPublisher(t, "zmtp", "tcp://127.0.0.1:1")} {
		defaults := map[string]time.Duration{}
		for _, o := range p.Options() {
			if strings.HasPrefix(o.Key, "heartbeat.") {
				defaults[o.Key], err = time.ParseDuration(o.Default)
				require.NoError(t, err)
			}
		}
		interval, timeout := defaults["heartbeat.interval"], defaults["heartbeat.timeout"]
		require.LessOrEqual(t, interval+timeout+interval/4, 10*time.Second, fmt.Sprint(defaults)) // it looks four times an interval
		require.NotZero(t, interval)
	}
}
