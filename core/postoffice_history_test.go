package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/relay"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// archive is a Link to no other post office, which keeps the topics that begin with kept/. It stores
// in a goroutine of its own, after the post office has relayed.
type archive struct {
	mu      sync.Mutex
	changed *sync.Cond
	port    relay.Port
	queue   [][]byte
	stored  []storedMessage
	held    bool
	broken  error
}

type storedMessage struct {
	msg []byte
	at  time.Time
}

func newArchive(t testing.TB) *archive {
	a := &archive{}
	a.changed = sync.NewCond(&a.mu)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.store()
	}()
	t.Cleanup(func() {
		a.fail(os.ErrClosed)
		<-done
	})
	return a
}

func (a *archive) store() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !errors.Is(a.broken, os.ErrClosed) {
		if a.held || len(a.queue) == 0 {
			a.changed.Wait()
			continue
		}
		a.stored = append(a.stored, storedMessage{a.queue[0], time.Now()})
		a.queue = a.queue[1:]
		a.changed.Broadcast()
	}
}

func (a *archive) hold(held bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = held
	a.changed.Broadcast()
}

func (a *archive) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken = err
	a.changed.Broadcast()
}

func (a *archive) size() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.stored)
}

// timeOf is when a message was stored.
func (a *archive) timeOf(i int) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stored[i].at
}

func (a *archive) Begin(p relay.Port) {
	a.mu.Lock()
	a.port = p
	a.mu.Unlock()
	p.Want([]byte(`"kept/`))
}
func (a *archive) Subscribe([]byte)                                     {}
func (a *archive) Unsubscribe([]byte)                                   {}
func (a *archive) Joins(string) bool                                    { return false }
func (a *archive) Route(string, map[uint64][]string)                    {}
func (a *archive) Screen() bool                                         { return false }
func (a *archive) Admit(uint64, *batch.Batch, func(*batch.Batch, bool)) {}
func (a *archive) End(*deadline.StopLimit)                              {}
func (a *archive) History() carrier.History                             { return a }
func (a *archive) Send(b *batch.Batch, _ []bool) (int, int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range b.Len() {
		if a.Keeps(batch.Topic(b.Message(i))) {
			a.queue = append(a.queue, bytes.Clone(b.Message(i)))
		}
	}
	a.changed.Broadcast()
	return 0, 0
}

func (a *archive) Keeps(topic []byte) bool { return bytes.HasPrefix(topic, []byte(`"kept/`)) }
func (a *archive) Covers(prefix []byte) bool {
	return bytes.HasPrefix(prefix, []byte(`"kept/`)) || bytes.HasPrefix([]byte(`"kept/`), prefix)
}

func (a *archive) Position() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.stored) == 0 {
		return time.Time{}
	}
	return a.stored[len(a.stored)-1].at
}

func (a *archive) Open(_ context.Context, prefixes [][]byte, since time.Time) (carrier.HistoryReader, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := &archiveReader{archive: a, prefixes: prefixes}
	for r.at < len(a.stored) && a.stored[r.at].at.UnixMicro() < since.UnixMicro() && !since.IsZero() {
		r.at++
	}
	return r, a.broken
}

// archiveReader reads an archive.
type archiveReader struct {
	*archive
	prefixes [][]byte
	at, goal int
	marked   bool
}

func (r *archiveReader) Mark() { r.marked = true }

func (r *archiveReader) Next(ctx context.Context) (*batch.Batch, time.Time, error) {
	if r.marked {
		if err := r.port.Settle(ctx); err != nil {
			return nil, time.Time{}, err
		}
	}
	defer context.AfterFunc(ctx, func() { r.hold(false) })()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.marked {
		r.marked, r.goal = false, len(r.stored)+len(r.queue)
	}
	for {
		switch {
		case ctx.Err() != nil:
			return nil, time.Time{}, ctx.Err()
		case r.broken != nil:
			return nil, time.Time{}, r.broken
		case r.at < len(r.stored):
			return r.some(), r.stored[r.at-1].at, nil
		case r.at >= r.goal:
			return nil, time.Time{}, nil
		}
		r.changed.Wait()
	}
}

func (r *archiveReader) some() *batch.Batch {
	b := batch.Get()
	for ; r.at < len(r.stored) && b.Len() < 200; r.at++ {
		for _, p := range r.prefixes {
			if msg := r.stored[r.at].msg; bytes.HasPrefix(batch.Topic(msg), p) {
				b.AppendMessage(msg)
				break
			}
		}
	}
	return b
}

func (r *archiveReader) Pause() {}
func (r *archiveReader) Close() {}

// newArchivingOffice is a post office with an archive.
func newArchivingOffice(t testing.TB, engine string, pairs ...string) (*PostOffice, *archive) {
	t.Helper()
	a := newArchive(t)
	po := newOffice(t, engine, pairs...)
	require.NoError(t, embed.OfficeOf(po).Join(a))
	return po, a
}

// requireCount takes n envelopes of numbered data, and checks that of every topic and origin they are
// 0, 1, 2, ...
func requireCount(t testing.TB, r *Receiver, n int) {
	t.Helper()
	due := map[string]int{}
	for range n {
		e, err := r.Recv(soon)
		require.NoError(t, err, "%s", r.StatsJSON())
		stream := e.Topic + " " + e.Origin
		require.Equal(t, strconv.Itoa(due[stream]), string(e.Data), stream)
		require.Zero(t, e.Lost)
		due[stream]++
	}
	_, err := r.Recv(0)
	code(t, ETIMEOUT, err)
}

func TestALateReceiverGetsTheHistoryThatItAsksFor(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po, a := newArchivingOffice(t, engine)
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		publishNumbers(t, p, "kept/a", 0, 1000)
		testkit.Eventually(t, func() bool { return a.size() == 1000 }, "it is stored")
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "since", "all")
		requireCount(t, r, 1000)
		testkit.Eventually(t, func() bool { return po.Stats().HistorySubscribers == 0 && po.Stats().HistoryMessages == 1000 }, "it is live")
		publishNumbers(t, p, "kept/a", 1000, 1500)
		testkit.Eventually(t, func() bool { return a.size() == 1500 }, "it is stored")
		for i := 1000; i < 1500; i++ {
			e, err := r.Recv(soon)
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(i), string(e.Data))
		}
		s := r.Stats()
		require.EqualValues(t, 1000, s.Cached, "history counts as what comes from a cache")
		require.Zero(t, s.Lost+s.Duplicates+s.DroppedDuplicate+s.DroppedStale)

		recent := newReceiver(t, engine, get(t, po, "endpoint.out"), "since", fmt.Sprintf("%.6f", float64(a.timeOf(1400).UnixMicro())/1e6))
		e, err := recent.Recv(soon)
		require.NoError(t, err)
		n, err := strconv.Atoi(string(e.Data))
		require.NoError(t, err)
		require.LessOrEqual(t, n, 1400)
		require.GreaterOrEqual(t, n, 1000)
		plain := newReceiver(t, engine, get(t, po, "endpoint.out"))
		_, err = plain.Recv(0)
		code(t, ETIMEOUT, err)
	})
}

func TestOptionsOfHistory(t *testing.T) {
	r, err := NewReceiver("tcp://127.0.0.1:1", "r")
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	code(t, EOPTION, r.Set("since", "yesterday"), "since", `"yesterday"`, "10m")
	require.NoError(t, r.Set("since", "10m"))
}

func TestAReceiverIsToldThatThereIsNoHistory(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "since", "10m")
		e := eventOf(t, r, "history")
		require.Equal(t, "it keeps no history, and sends only what comes from now on", e.Text[strings.LastIndex(e.Text, "it keeps"):])
		archiving, a := newArchivingOffice(t, engine)
		r = newReceiver(t, engine, get(t, archiving, "endpoint.out"), "since", "10m")
		require.NoError(t, r.Subscribe("other/"))
		require.Contains(t, eventOf(t, r, "history").Text, "no history of topics that begin with other/")
		a.fail(errors.New("the store is away"))
		require.NoError(t, r.Subscribe("kept/"))
		require.Contains(t, eventOf(t, r, "history").Text, "the store is away")
		testkit.Eventually(t, func() bool { return archiving.Stats().HistoryIncomplete == 2 }, "it is counted")
	})
}

func TestAReceiverWithHistoryMissesNothingOfABreak(t *testing.T) {
	po, _ := newArchivingOffice(t, "zmtp")
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
	way := testkit.NewRelay(t, get(t, po, "endpoint.out"))
	r := newReceiver(t, "zmtp", way.Address(), append([]string{"since", "all", "on_slow", "ignore"}, quickly...)...)
	const n = 20_000
	published := make(chan struct{})
	go func() {
		defer close(published)
		for i := range n {
			if p.Publish("kept/a", "", strconv.AppendInt(nil, int64(i), 10)) != nil {
				return
			}
			if i%5000 == 4000 {
				way.Cut()
			}
			if i%5000 == 4500 {
				way.Restore()
			}
		}
	}()
	requireCount(t, r, n)
	testkit.Receive(t, published, "the publisher")
	s := r.Stats()
	require.Zero(t, s.Lost+s.Duplicates)
	require.Equal(t, s.Arrived, s.Delivered+s.DroppedDuplicate)
}

// A receiver that begins at any moment of a flow gets all that was published since the beginning, once
// and in order, over one path and over two.
func TestAReceiverWithHistoryBeginsAtAnyMomentOfAFlow(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		for round := range 20 {
			t.Run(strconv.Itoa(round), func(t *testing.T) { beginInAFlow(t, engine, round) })
		}
	})
}

func beginInAFlow(t *testing.T, engine string, round int) {
	random := rand.New(rand.NewPCG(uint64(round), 3))
	first, _ := newArchivingOffice(t, engine)
	in, out := get(t, first, "endpoint.in"), get(t, first, "endpoint.out")
	if round%4 == 3 {
		second, _ := newArchivingOffice(t, engine)
		in, out = in+","+get(t, second, "endpoint.in"), out+","+get(t, second, "endpoint.out")
	}
	const n, publishers = 3000, 2
	var flow sync.WaitGroup
	passed := make(chan struct{}, n*publishers)
	for range publishers {
		p := newPublisher(t, engine, in)
		require.NoError(t, p.WaitReady(soon))
		name := fmt.Sprint(random.Uint32())
		flow.Go(func() {
			for i := range n {
				if p.Publish("kept/a", name, strconv.AppendInt(nil, int64(i), 10)) != nil {
					return
				}
				passed <- struct{}{}
			}
		})
	}
	for range random.IntN(n * publishers) {
		testkit.Receive(t, passed, "the flow")
	}
	r := newReceiver(t, engine, out, "since", "all", "on_slow", "ignore")
	flow.Wait()
	requireCount(t, r, n*publishers)
	require.Zero(t, r.Stats().Lost)
}

func TestHistoryKeepsToTheRightsOfAPolicy(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		file := filepath.Join(t.TempDir(), "policy.toml")
		require.NoError(t, os.WriteFile(file, []byte(historyPolicy), 0o600))
		po, a := newArchivingOffice(t, engine, "policy", file)
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		publishNumbers(t, p, "kept/secret/a", 0, 100)
		publishNumbers(t, p, "kept/open/a", 0, 100)
		testkit.Eventually(t, func() bool { return a.size() == 200 }, "it is stored")
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "since", "all")
		require.Len(t, values(t, r, 100)["kept/open/a"], 100)
		testkit.Eventually(t, func() bool { return po.Stats().HistorySubscribers == 0 && po.Stats().HistoryMessages == 100 }, "it is live")
		publishNumbers(t, p, "kept/secret/a", 100, 200)
		nothingMore(t, p, r, "kept/open/a")
	})
}

const historyPolicy = `
[users.any]
anonymous = true
origins = ["pub"]

[[allow]]
users = ["any"]
publish = [""]
subscribe = ["kept/open", "more"]
`
