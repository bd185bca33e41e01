package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// soon is how long a test waits for what must happen.
const soon = 2 * time.Minute

// eachEngine runs a test on every carrier.
func eachEngine(t *testing.T, f func(t *testing.T, engine string)) {
	for _, engine := range carriers.Names() {
		t.Run(engine, func(t *testing.T) { f(t, engine) })
	}
}

func set(t testing.TB, p Component, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(t, p.Set(pairs[i], pairs[i+1]))
	}
}

func get(t testing.TB, p Component, key string) string {
	t.Helper()
	v, err := p.Get(key)
	require.NoError(t, err)
	return v
}

func newOffice(t testing.TB, engine string, pairs ...string) *PostOffice {
	t.Helper()
	po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, po, append([]string{"engine", engine}, pairs...)...)
	require.NoError(t, po.Start())
	t.Cleanup(func() {
		// What waits for a peer that has only just left is not sent, and Close says so.
		if err := po.Close(); !errors.Is(err, &Error{Code: ETIMEOUT}) {
			require.NoError(t, err)
		}
	})
	return po
}

// newPublisher starts a publisher that is patient with whoever is to subscribe.
func newPublisher(t testing.TB, engine, address string, pairs ...string) *Publisher {
	t.Helper()
	p, err := NewPublisher(address, "pub")
	require.NoError(t, err)
	set(t, p, append([]string{"engine", engine, "ready.hold", soon.String()}, pairs...)...)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func newReceiver(t testing.TB, engine, address string, pairs ...string) *Receiver {
	t.Helper()
	r, err := NewReceiver(address, "rec")
	require.NoError(t, err)
	set(t, r, append([]string{"engine", engine}, pairs...)...)
	require.NoError(t, r.Start())
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// subscribed counts the subscribers that have said what they want.
func subscribed(s PostOfficeStats) (n int) {
	for _, p := range s.Subscribers {
		if p.Subscriptions > 0 {
			n++
		}
	}
	return n
}

func code(t testing.TB, want Code, err error, contains ...string) {
	t.Helper()
	require.Equal(t, want, CodeOf(err), "%v", err)
	for _, c := range contains {
		require.ErrorContains(t, err, c)
	}
}

// collect takes n envelopes.
func collect(t testing.TB, r *Receiver, n int) (out []Envelope) {
	t.Helper()
	for len(out) < n {
		d, err := r.Take(min(n-len(out), 1000), soon)
		require.NoError(t, err, "after %d of %d: %s", len(out), n, r.StatsJSON())
		for i := range d.Len() {
			out = append(out, d.Envelope(i))
		}
		d.Release()
	}
	require.Len(t, out, n)
	return out
}

func TestAnEnvelopeTravels(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, p.Publish("ticks/é", "", []byte(`["BTCUSD", NaN, 12345678901234567890123]`)))
		e := collect(t, r, 1)[0]
		require.Equal(t, "ticks/é", e.Topic)
		require.Equal(t, "pub", e.Origin)
		require.Equal(t, `["BTCUSD", NaN, 12345678901234567890123]`, string(e.Data))
		require.InDelta(t, clock.Seconds(time.Now()), e.TS, soon.Seconds())
		require.GreaterOrEqual(t, e.Received, e.TS-0.01)
		require.NoError(t, p.WaitReady(soon))
		require.NoError(t, r.WaitReady(soon))
	})
}

func TestABurstLosesNothingAndKeepsItsOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
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

func TestWhatNobodyWantsIsCountedAndNeverWaits(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
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

func TestAFullQueueWaitsThenSaysSo(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPublisher(t, engine, "tcp://127.0.0.1:1", "ready.hold", "1h", "queue.messages", "10", "queue.block", "50ms")
		for range 10 {
			require.NoError(t, p.Publish("t", "", []byte("1")))
		}
		began := time.Now()
		code(t, EFULL, p.Publish("t", "", []byte("1")), "pub", "10 envelopes")
		require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
		s := p.Stats()
		require.EqualValues(t, 11, s.Accepted)
		require.EqualValues(t, 1, s.DroppedFull)
		require.EqualValues(t, 10, s.Queued)
		code(t, ETIMEOUT, p.Stop(10*time.Millisecond), "10 envelopes")
		s = p.Stats()
		require.EqualValues(t, 10, s.DroppedStop)
		require.Zero(t, s.Queued)
	})
}

func TestWhatIsPublishedRightAfterStartArrives(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
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

func TestBigPayloads(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "message.bytes", "200MiB")
		big := make([]byte, 100<<20)
		for i := range big {
			big[i] = 'a' + byte(i%26)
		}
		big[0], big[len(big)-1] = '"', '"'
		require.NoError(t, p.Publish("big", "", big))
		require.NoError(t, p.Publish("small", "", []byte("1")))
		got := collect(t, r, 2)
		require.Equal(t, big, got[0].Data)
		require.Equal(t, "small", got[1].Topic)
		set(t, p, "queue.bytes", "1")
		require.NoError(t, p.Stop(soon))
		set(t, p, "message.bytes", "1KiB")
		require.NoError(t, p.Start())
		code(t, ETOOBIG, p.Publish("big", "", big), "message.bytes")
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

func TestCloseWakesWhoWaits(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
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

func TestStoppedPartsStartAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
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

// publishUntil publishes again and again: subscriptions take their time to travel.
func publishUntil(t *testing.T, p *Publisher, topic, data string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); ; {
		require.NoError(t, p.Publish(topic, "", []byte(data)))
		if done() {
			return
		}
		require.True(t, time.Now().Before(end))
	}
}

func TestANodeRelays(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		first, err := NewReceiver(get(t, po, "endpoint.out"), "in")
		require.NoError(t, err)
		require.NoError(t, first.Subscribe("ticks"))
		out, err := NewPublisher(get(t, po, "endpoint.in"), "out")
		require.NoError(t, err)
		set(t, first, "engine", engine)
		set(t, out, "engine", engine)
		n, err := NewNode("relay", first, out)
		require.NoError(t, err)
		code(t, ESTATE, n.Run())
		require.NoError(t, n.Start())
		ended := make(chan error, 1)
		go func() { ended <- n.Run() }()

		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		require.NoError(t, r.Subscribe("RAW/"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, n.WaitReady(soon))
		require.NoError(t, p.WaitReady(soon))
		var e Envelope
		publishUntil(t, p, "ticks/x", `{"a": 1}`, func() bool {
			e, err = r.Recv(50 * time.Millisecond)
			return err == nil
		})
		require.Equal(t, "RAW/relay", e.Topic)
		require.Equal(t, "relay", e.Origin)
		require.Equal(t, `{"a": 1}`, string(e.Data))

		require.True(t, json.Valid(n.StatsJSON()))
		require.NoError(t, n.Stop(soon))
		require.NoError(t, testkit.Receive(t, ended, "the loop of the node"))
		require.NoError(t, n.Close())
		require.NoError(t, first.Close())
		require.NoError(t, out.Close())
		alone, err := NewNode("alone", nil, nil)
		require.NoError(t, err)
		code(t, ENOTSUP, alone.Publish("c", []byte("1")))
		_, err = alone.Take(1, 0)
		code(t, ENOTSUP, err)
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

func TestAPostOfficeStartsAndStopsAThousandTimes(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		fds, routines := countFDs(t), 0
		for i := range 1000 {
			po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
			require.NoError(t, err)
			set(t, po, "engine", engine)
			require.NoError(t, po.Start())
			require.NoError(t, po.Stop(0))
			require.NoError(t, po.Close())
			if i == 10 {
				fds, routines = countFDs(t), runtime.NumGoroutine()
			}
		}
		require.Eventually(t, func() bool {
			return countFDs(t) <= fds+2 && runtime.NumGoroutine() <= routines+2
		}, soon, 10*time.Millisecond, "descriptors %d, goroutines %d", fds, routines)
	})
}

func countFDs(t testing.TB) int {
	fds, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	return len(fds)
}

// rawPublisher connects a plain libzmq XPUB and gives a function that sends frames
// once somebody has subscribed.
func rawPublisher(t testing.TB, address string) func(frames ...string) {
	soc, err := zmq.NewSocket(zmq.XPUB)
	require.NoError(t, err)
	require.NoError(t, soc.SetLinger(0))
	require.NoError(t, soc.SetRcvtimeo(soon))
	require.NoError(t, soc.Connect(address))
	t.Cleanup(func() { _ = soc.Close() })
	_, err = soc.RecvBytes(0) // the subscription
	require.NoError(t, err)
	return func(frames ...string) {
		_, err := soc.SendMessage(frames)
		require.NoError(t, err)
	}
}
