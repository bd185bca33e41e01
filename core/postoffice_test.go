package core

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// TestReceiversOfVeryManyTopicsDoNotCutOffThePublishers: each asks for less than a
// peer may, and together they ask for more.
func TestReceiversOfVeryManyTopicsDoNotCutOffThePublishers(t *testing.T) {
	const each = 135_000
	po := newOffice(t, "zmtp")
	var receivers []*Receiver
	for i := range 2 {
		r, err := NewReceiver(get(t, po, "endpoint.out"), fmt.Sprint(i))
		require.NoError(t, err)
		for topic := range each {
			require.NoError(t, r.Subscribe(fmt.Sprintf("%d/%d/", i, topic)))
		}
		require.NoError(t, r.Start())
		t.Cleanup(func() { _ = r.Close() })
		receivers = append(receivers, r)
	}
	require.Eventually(t, func() bool {
		n := 0
		for _, s := range po.Stats().Subscribers {
			n += s.Subscriptions
		}
		return n == 2*each
	}, soon, pollEvery)
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
	require.NoError(t, p.WaitReady(soon))
	require.Eventually(t, func() bool {
		peers := p.Stats().Peers
		return len(peers) == 1 && peers[0].ID == 1 && peers[0].Subscriptions == 100_000+2 // everything, and system topics
	}, soon, pollEvery, "it keeps being cut off")
	for i, r := range receivers {
		require.NoError(t, r.Set("on_slow", "ignore"))
		topic := fmt.Sprintf("%d/%d/", i, each-1)
		for {
			require.NoError(t, p.Publish(topic, "", []byte("1")))
			if e, err := r.Recv(pollEvery); err == nil {
				require.Equal(t, topic, e.Topic)
				break
			}
			require.Equal(t, "running", get(t, p, "state"))
		}
	}
	require.EqualValues(t, 1, p.Stats().Peers[0].ID, "it has never been cut off")
}

func TestARestartOfThePostOfficeLosesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		in, out := get(t, po, "endpoint.in"), get(t, po, "endpoint.out")
		r := newReceiver(t, engine, out, "on_slow", "ignore", "reconnect.min", "10ms", "reconnect.max", "20ms")
		p := newPublisher(t, engine, in, "ready.hold", "20s", "reconnect.min", "10ms", "reconnect.max", "20ms")
		require.NoError(t, p.WaitReady(soon))
		const n = 2000
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range n {
				_ = p.Publish("t", "", fmt.Appendf(nil, "%d", i))
				time.Sleep(500 * time.Microsecond)
			}
		}()
		collected := collect(t, r, 200)
		require.NoError(t, po.Stop(time.Second))
		again, err := NewPostOffice(in, out, "")
		require.NoError(t, err)
		set(t, again, "engine", engine)
		require.NoError(t, again.Start())
		defer func() { _ = again.Close() }()
		testkit.Receive(t, done, "the publisher")
		for len(collected) < n {
			collected = append(collected, collect(t, r, 1)...)
		}
		for i, e := range collected {
			require.Equal(t, fmt.Sprint(i), string(e.Data))
		}
		require.Zero(t, r.Stats().Lost)
	})
}

func TestTheDebugSideSeesEverything(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
		require.NoError(t, err)
		set(t, po, "engine", engine)
		require.NoError(t, po.Start())
		defer func() { require.NoError(t, po.Close()) }()
		debug := newReceiver(t, engine, get(t, po, "endpoint.debug"))
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		reach(t, p, "t", "", debug, r)
		for i := range 100 {
			require.NoError(t, p.Publish("t", "", fmt.Appendf(nil, "%d", i)))
		}
		want := collect(t, r, 100)
		for i, e := range collect(t, debug, 100) {
			require.Equal(t, want[i].Data, e.Data)
		}
	})
}

func TestAPostOfficeWithAStalledSubscriberCanBeClosed(t *testing.T) {
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

// TestAStalledSubscriberSlowsNoOther, and pays for itself alone.
func TestAStalledSubscriberSlowsNoOther(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
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
			set(t, po, "queue.messages", "1000") // for present subscribers, too
		}
		const n = 30_000
		data := []byte(`"` + strings.Repeat("x", 1000) + `"`)
		for i := range n {
			require.NoError(t, p.Publish("t", "", data))
			if i%500 == 499 { // within the bound of a subscriber that reads
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

// TestAFullPostOfficeFollowsItsPolicy: what makes room by removing what is old gives a receiver
// that has been stalled the newest, and counts what is missing.
func TestAFullPostOfficeFollowsItsPolicy(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		const topics = 10
		for _, policy := range []string{"drop_old", "latest_per_topic"} {
			t.Run(policy, func(t *testing.T) {
				po := newOffice(t, engine, "heartbeat.interval", "0", "queue.full", policy, "queue.messages", "100")
				r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore", "queue.messages", "1", "queue.full", "block", "queue.block", "1h")
				p := newPublisher(t, engine, get(t, po, "endpoint.in"))
				require.NoError(t, p.WaitReady(soon))
				filler := strings.Repeat("x", 1000)
				n, want := 0, map[string]int{}
				testkit.Repeat(t, "messages are removed", func() bool {
					for range 100 {
						topic := fmt.Sprint("t", n%topics)
						require.NoError(t, p.Publish(topic, "", fmt.Appendf(nil, `[%d,"%s"]`, n, filler)))
						want[topic] = n
						n++
					}
					s := po.Stats()
					return s.DroppedOld+s.DroppedConflated > 1000
				})
				got, taken := map[string]int{}, 0
				testkit.Repeat(t, "the newest arrive", func() bool {
					e, err := r.Recv(soon)
					require.NoError(t, err)
					var i int
					_, err = fmt.Sscanf(string(e.Data), "[%d", &i)
					require.NoError(t, err)
					got[e.Topic] = i
					taken++
					return i == n-1
				})
				require.Equal(t, want, got)
				// A batch is booked when it has been handed out, which may be a moment after it arrived.
				require.Eventually(t, func() bool { return int(po.Stats().OutMessages) == n }, soon, time.Millisecond)
				s := po.Stats()
				require.Equal(t, []uint64{uint64(n), uint64(n), 0, 0}, []uint64{s.InMessages, s.OutMessages, s.Unwanted, s.Dropped})
				require.Equal(t, s.DroppedOld+s.DroppedConflated, s.Subscribers[0].Dropped)
				require.Equal(t, uint64(n-taken), s.Subscribers[0].Dropped)
				require.Equal(t, policy == "drop_old", s.DroppedConflated == 0)
				require.Equal(t, uint64(n-taken), r.Stats().Lost)
			})
		}
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

// TestTheCopyForDebuggingHasSubscribersOfItsOwn, which statistics list as such.
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
