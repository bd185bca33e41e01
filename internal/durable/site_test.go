package durable

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/backlog"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

func TestAReceivingSiteGetsEverythingInOrderAndOnce(t *testing.T) {
	e := startEngine(t)
	b := join(t, "b", e.url(), nil).ready()
	a := join(t, " a site.of \u00fcs\n", e.url(), nil).ready()
	var want []string
	for i := range 50 {
		want = append(want, a.send("orders/x", "p", i*40, i*40+20)...)
		want = append(want, a.send("orders/y.z *", "p", i*20, i*20+20)...)
		want = append(want, a.send("orders/x", "p", i*40+20, i*40+40)...)
	}
	a.send("other/x", "p", 0, 10)
	b.gets(want)
	a.flush()
	s := a.Stats()
	require.Equal(t, uint64(len(want)), s.Taken)
	require.Equal(t, s.Taken, s.Out)
	require.Zero(t, s.Waiting)
	require.Zero(t, s.Resent)
	require.Equal(t, uint64(len(want)), b.Stats().In)
	require.Empty(t, a.received(), "a site does not get what it has sent itself")
	back := b.send("orders/back", "q", 0, 5)
	a.gets(back)
}

func TestWhatIsSentWhileTheServerIsAwayArrivesWhenItReturns(t *testing.T) {
	e := startEngine(t)
	a, b := join(t, "a", e.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	want := a.send("orders/x", "p", 0, 100)
	b.gets(want)
	for round := 1; round <= 3; round++ {
		e.stop()
		for i := range 10 {
			want = append(want, a.send("orders/x", "p", round*10_000+i*500, round*10_000+i*500+500)...)
		}
		testkit.Eventually(t, func() bool { return a.Stats().Waiting == 5000 }, "the backlog holds them")
		e.start()
		b.gets(want)
	}
	a.flush()
	require.Zero(t, b.Stats().Duplicates)
}

func TestAServerThatRestartsUnderLoadLosesNothing(t *testing.T) {
	e := startEngine(t)
	a, b := join(t, "a", e.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	var want []string
	var stop atomic.Bool
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; !stop.Load(); i += 10 {
			want = append(want, a.send("orders/x", "p", i, i+10)...)
			time.Sleep(100 * time.Microsecond)
		}
	})
	for range 3 {
		before := a.Stats().Out
		testkit.Eventually(t, func() bool { return a.Stats().Out > before+2000 }, "messages flow")
		e.stop()
		e.start()
	}
	stop.Store(true)
	testkit.Wait(t, &group, "the publisher")
	b.gets(want)
	a.flush()
}

func TestASiteThatWasAwayGetsWhatItHasMissed(t *testing.T) {
	e := startEngine(t)
	a, b := join(t, "a", e.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	first := a.send("orders/x", "p", 0, 300)
	b.gets(first)
	require.NoError(t, b.Close())
	missed := a.send("orders/x", "p", 300, 1000)
	a.flush()
	b = join(t, "b", e.url(), nil)
	b.gets(missed)
	require.Zero(t, b.marked, "nothing was uncertain")
	late := join(t, "c", e.url(), nil).ready()
	next := a.send("orders/x", "p", 1000, 1010)
	late.gets(next)
	b.gets(append(missed, next...))
}

func TestAPostOfficeThatDoesNotRunMissesNothing(t *testing.T) {
	e := startEngine(t)
	a, b := join(t, "a", e.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	want := a.send("orders/x", "p", 0, 5000)
	a.flush()
	b.mu.Lock()
	b.closed = false
	b.mu.Unlock()
	b.gets(want)
}

func TestABacklogOutlivesItsSite(t *testing.T) {
	e := startEngine(t)
	dir := t.TempDir()
	onDisk := func(c *Config) { c.Backlog = backlog.Options{Dir: dir} }
	b := join(t, "b", e.url(), nil).ready()
	a := join(t, "a", e.url(), onDisk).ready()
	want := a.send("orders/x", "p", 0, 100)
	b.gets(want)
	e.stop()
	for i := 1; i < 4; i++ {
		want = append(want, a.send("orders/x", "p", 1000*i, 1000*i+700)...)
		require.NoError(t, a.Close())
		a.nc.Close()
		a = join(t, "a", e.url(), onDisk)
	}
	require.Equal(t, uint64(2100), a.Stats().Waiting)
	e.start()
	b.gets(want)
	a.flush()
	require.Zero(t, b.Stats().Duplicates)
}

func TestLostAcknowledgementsMakeNoDuplicates(t *testing.T) {
	e := startEngine(t)
	proxy := startCutter(t, e.url())
	a := join(t, "a", proxy.url(), nil).ready()
	b := join(t, "b", e.url(), nil).ready()
	want := a.send("orders/x", "p", 0, 10)
	a.flush()
	for i := 1; i <= 3; i++ {
		proxy.mute.Store(true)
		want = append(want, a.send("orders/x", "p", i*1000, i*1000+300)...)
		b.gets(want) // JetStream has them, and a does not know
		require.Equal(t, uint64(300), a.Stats().Waiting)
		proxy.cut()
		proxy.mute.Store(false)
		a.flush()
		require.Equal(t, uint64(300*i), a.Stats().Resent)
	}
	require.Zero(t, b.Stats().Duplicates, "JetStream has dropped them")
	last := a.send("orders/x", "p", 9000, 9001)
	b.gets(append(want, last...))
	a.flush()
	require.Equal(t, a.Stats().Taken, a.Stats().Out)
}

// TestWhatAConnectionHasSwallowedComesFirst: it may be lost and made again between two messages.
func TestWhatAConnectionHasSwallowedComesFirst(t *testing.T) {
	e := startEngine(t)
	proxy := startCutter(t, e.url())
	a, b := join(t, "a", proxy.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	want := a.send("orders/x", "p", 0, 10)
	b.gets(want)
	for i := 1; i <= 5; i++ {
		a.flush()
		proxy.deaf.Store(true)
		before, connection := proxy.lost.Load(), a.nc.Stats().Reconnects
		want = append(want, a.send("orders/x", "p", 100*i, 100*i+10)...)
		testkit.Eventually(t, func() bool { return proxy.lost.Load() > before+500 }, "they are swallowed")
		proxy.deaf.Store(false)
		proxy.cut()
		for a.nc.Stats().Reconnects == connection {
			time.Sleep(time.Millisecond)
		}
		want = append(want, a.send("orders/x", "p", 100*i+10, 100*i+20)...)
		b.gets(want)
	}
}

func TestDuplicatesThatJetStreamHasForgottenAreDropped(t *testing.T) {
	e := startEngine(t)
	short := func(c *Config) { c.Topics[0].Duplicates = 100 * time.Millisecond }
	proxy := startCutter(t, e.url())
	a, b := join(t, "a", proxy.url(), short).ready(), join(t, "b", e.url(), short).ready()
	want := a.send("orders/first", "p", 0, 1)
	a.flush()
	proxy.mute.Store(true)
	want = append(want, a.send("orders/x", "p", 0, 50)...)
	raw := batch.Get()
	defer raw.Release()
	raw.AppendFrame([]byte(`"orders/raw"`), true)
	raw.AppendFrame([]byte("no envelope"), false)
	a.Send(raw, false, nil, nil)
	want = append(want, string(raw.Message(0)))
	b.gets(want)
	require.Never(t, func() bool { return a.Stats().Waiting != 51 }, 500*time.Millisecond, 50*time.Millisecond)
	proxy.cut()
	proxy.mute.Store(false)
	a.flush()
	testkit.Eventually(t, func() bool { return b.Stats().Duplicates == 51 }, "they come again, and are dropped")
	require.Equal(t, want, b.received())
}

func TestWhatHasNoRoomInTheBacklogIsCountedAndTold(t *testing.T) {
	e := startEngine(t)
	var told atomic.Bool
	small := func(c *Config) {
		c.Backlog.MaxBytes = 64 << 10
		c.OnProblem = func(text string, _ bool) {
			if strings.Contains(text, errFull.Error()) {
				told.Store(true)
			}
		}
	}
	a, b := join(t, "a", e.url(), small).ready(), join(t, "b", e.url(), nil).ready()
	e.stop()
	all := a.send("orders/x", "p", 0, 2000)
	testkit.Eventually(t, func() bool {
		s := a.Stats()
		return s.Appended+s.DroppedFull == 2000
	}, "all are written or dropped")
	testkit.Eventually(t, told.Load, "that there is no room is told")
	kept := int(a.Stats().Waiting)
	require.Greater(t, kept, 100)
	require.Less(t, kept, 1000)
	e.start()
	b.gets(all[:kept])
	a.flush()
	s := a.Stats()
	require.Equal(t, s.Taken, s.Out+s.DroppedFull)
}

func TestAnEnvelopeThatTwoSitesSendArrivesOnce(t *testing.T) {
	e := startEngine(t)
	a1, a2 := join(t, "a1", e.url(), nil).ready(), join(t, "a2", e.url(), nil).ready()
	b := join(t, "b", e.url(), nil).ready()
	e.stop() // none of them gets it from the other before it has it itself
	want := a1.send("orders/x", "p", 0, 200)
	a2.send("orders/x", "p", 0, 200)
	e.start()
	b.gets(want)
	a1.flush()
	a2.flush()
	last := b.send("orders/last", "q", 0, 1)
	a1.gets(last)
	a2.gets(last)
}

func TestMessagesLongerThanNATSTakesAreCounted(t *testing.T) {
	e := startEngine(t)
	a, b := join(t, "a", e.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	first := a.send("orders/x", "p", 0, 1)
	long := batch.Get()
	defer long.Release()
	require.NoError(t, wire.Append(long, "orders/x", []byte(`"p"`), []byte(`"`+strings.Repeat("z", 2<<20)+`"`), true))
	a.Send(long, false, nil, nil)
	second := a.send("orders/x", "p", 1, 2)
	b.gets(append(first, second...))
	a.flush()
	require.Equal(t, uint64(1), a.Stats().DroppedTooLong)
}

func TestAStreamThatIsDeletedIsMadeAgain(t *testing.T) {
	e := startEngine(t)
	a, b := join(t, "a", e.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	want := a.send("orders/x", "p", 0, 100)
	b.gets(want)
	a.flush()
	require.NoError(t, a.sender.l.js.DeleteStream(context.Background(), a.streams[0].name))
	want = append(want, a.send("orders/x", "p", 100, 200)...)
	b.gets(want)
}

func TestWhatWasPerhapsDeliveredIsMarkedAfterAKill(t *testing.T) {
	e := startEngine(t)
	a, b := join(t, "a", e.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	want := a.send("orders/x", "p", 0, 100)
	b.gets(want)
	r := b.receivers[0]
	require.NoError(t, b.Close())
	back := r.at // as if b had been killed before it wrote how far it is
	back.Last, back.Stored = back.Last-60, time.Time{}
	data, err := json.Marshal(back)
	require.NoError(t, err)
	_, err = a.sender.l.js.Publish(context.Background(), r.positionSubject(), data)
	require.NoError(t, err)

	b = join(t, "b", e.url(), nil)
	b.gets(want[40:])
	require.Equal(t, 60, b.marked)
	next := a.send("orders/x", "p", 100, 110)
	b.gets(append(want[40:], next...))
	require.Equal(t, 60, b.marked, "what is new is not marked")
}

func TestACacheIsWarmedByTheLastValuesOfTheStream(t *testing.T) {
	e := startEngine(t)
	a := join(t, "a", e.url(), nil).ready()
	for i := range 100 {
		a.send(fmt.Sprintf("orders/%d", i), "p", 0, 5)
	}
	a.flush()
	kept := map[string]string{}
	var mu sync.Mutex
	keep := func(b *batch.Batch) bool {
		mu.Lock()
		defer mu.Unlock()
		for i := range b.Len() {
			var memo wire.StreamMemo
			p, err := wire.Split(b.Message(i), &memo)
			require.NoError(t, err)
			kept[string(p.Topic)] += fmt.Sprint(p.Sequence.Number)
		}
		return true
	}
	size := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(kept)
	}
	for run, name := range []string{"b", "a"} { // a also had it itself
		b := &testSite{t: t}
		clear(kept)
		if name == "a" {
			require.NoError(t, a.Close())
		}
		b = join(t, name, e.url(), func(c *Config) { c.Keep = keep })
		b.Restart()
		testkit.Eventually(t, func() bool { return size() == 100 }, "run %d: the cache has all topics", run)
		mu.Lock()
		for topic, numbers := range kept {
			require.Equal(t, "4", numbers, topic)
		}
		mu.Unlock()
		require.Empty(t, b.received())
		b.Restart()
		testkit.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return kept[`"orders/7"`] == "44"
		}, "another run has another cache")
	}
}

func TestTopicsThatNeedOneStreamAreRefused(t *testing.T) {
	for _, prefixes := range [][]string{{"a/", "a/b/"}, {"a/", "a"}, {"", "a/"}, {"ab", "ac"}} {
		c := Config{Name: "a", Space: testSpace(t)}
		for _, p := range prefixes {
			c.Topics = append(c.Topics, Topics{Prefix: p})
		}
		_, err := Open(c)
		require.ErrorContains(t, err, "in common", "%q", prefixes)
	}
	_, err := Open(Config{Space: testSpace(t)})
	require.ErrorContains(t, err, "site name")
	_, err = Open(Config{Name: "a", Space: testSpace(t), Topics: []Topics{{Prefix: "\xff"}}})
	require.ErrorContains(t, err, "UTF-8")
	_, err = Open(Config{Name: "a", Space: testSpace(t), Topics: []Topics{{Prefix: "a/", MaxBytes: -1}}})
	require.ErrorContains(t, err, "negative")
	site, err := Open(Config{Name: "a", Space: testSpace(t), Topics: []Topics{{Prefix: "a/"}, {Prefix: "b/"}}})
	require.NoError(t, err)
	require.True(t, site.Match([]byte(`"a/x"`)))
	require.False(t, site.Match([]byte(`"c/x"`)))
	require.Len(t, site.Prefixes(), 2)
	require.NoError(t, site.Close())
	require.NoError(t, site.Close())
}

// A server that has lost power may have lost the end of a stream, while its site has delivered that.
func TestAfterAStreamHasLostItsEndNewMessagesArrive(t *testing.T) {
	e := startEngine(t)
	a := join(t, "a", e.url(), nil).ready()
	b := join(t, "b", e.url(), nil).ready()
	b.gets(a.send("orders/x", "p", 0, 10))
	require.NoError(t, b.Close())
	r := b.receivers[0]
	r.at.Last += 5 // messages that the stream does not have any more
	r.leave(context.Background())
	b = join(t, "b", e.url(), nil).ready()
	b.gets(a.send("orders/x", "p", 15, 18))
}

func TestAPostOfficeThatDoesNotRunKeepsABoundedAmountInMemory(t *testing.T) {
	e := startEngine(t)
	a, b := join(t, "a", e.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	const size, n = 512 << 10, 4 * fetchBytes / (512 << 10)
	for range n {
		m := batch.Get()
		m.AppendFrame([]byte(`"orders/large"`), true)
		m.AppendFrame(make([]byte, size), false)
		a.Send(m, false, nil, nil)
		m.Release()
		a.flush()
	}
	r := b.receivers[0]
	testkit.Eventually(t, func() bool { return r.held.Load() >= fetchBytes }, "it has fetched as much as it may")
	b.mu.Lock()
	b.closed = false
	b.mu.Unlock()
	testkit.Eventually(t, func() bool { return len(b.received()) == n }, "all arrive")
	require.LessOrEqual(t, r.mostHeld.Load(), int64(fetchBytes+2*size))
}

// What another program writes at the place of a position does not stop a site.
func TestAPositionThatIsNotValidCostsNoMessages(t *testing.T) {
	e := startEngine(t)
	a, b := join(t, "a", e.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	want := a.send("orders/x", "p", 0, 10)
	b.gets(want)
	r := b.receivers[0]
	require.NoError(t, b.Close())
	want = append(want, a.send("orders/x", "p", 10, 20)...)
	a.flush()
	for _, poison := range []string{"", "no JSON", `{"last":-1}`, `{"created":7}`, `[]`} {
		_, err := a.sender.l.js.Publish(context.Background(), r.positionSubject(), []byte(poison))
		require.NoError(t, err)
		var told atomic.Bool
		b = join(t, "b", e.url(), func(c *Config) {
			c.OnProblem = func(text string, urgent bool) {
				if urgent && strings.Contains(text, "is not valid") {
					told.Store(true)
				}
			}
		})
		b.gets(want)
		require.Equal(t, 20, b.marked, "receivers that have them drop them")
		require.True(t, told.Load())
		require.NoError(t, b.Close())
	}
}

// A stream that was restored from a backup, and has got messages since, has others under the same numbers.
func TestAStreamThatWasRestoredAndFilledAgainIsReadFromWhereItIsNew(t *testing.T) {
	e := startEngine(t)
	a, b := join(t, "a", e.url(), nil).ready(), join(t, "b", e.url(), nil).ready()
	b.gets(a.send("orders/x", "p", 0, 10))
	a.flush()
	require.NoError(t, b.Close())
	r := b.receivers[0]
	for _, back := range []uint64{1, 4, 9} {
		lost := r.at // as if messages behind that one had been others, which the backup does not have
		lost.Last -= back
		st, err := a.sender.l.js.Stream(context.Background(), a.streams[0].name)
		require.NoError(t, err)
		m, err := st.GetMsg(context.Background(), lost.Last)
		require.NoError(t, err)
		lost.Stored, lost.Last = m.Time, lost.Last+back/2+1
		turned, err := r.turned(context.Background(), st, lost)
		require.NoError(t, err)
		require.True(t, turned)
		next, err := r.firstAfter(context.Background(), st, lost.Stored)
		require.NoError(t, err)
		require.Equal(t, 10-back+1, next)
	}
	lost := r.at
	lost.Last = 7
	st, err := a.sender.l.js.Stream(context.Background(), a.streams[0].name)
	require.NoError(t, err)
	m, err := st.GetMsg(context.Background(), 5)
	require.NoError(t, err)
	lost.Stored = m.Time
	data, err := json.Marshal(lost)
	require.NoError(t, err)
	_, err = a.sender.l.js.Publish(context.Background(), r.positionSubject(), data)
	require.NoError(t, err)
	b = join(t, "b", e.url(), nil)
	var want []string
	for i := 5; i < 10; i++ {
		want = append(want, fmt.Sprintf("orders/x/p/%d", i))
	}
	b.gets(want)
}
