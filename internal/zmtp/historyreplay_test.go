package zmtp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

func openWithHistory(t testing.TB, h carrier.History, change func(*carrier.OutletConfig)) testOutlet {
	t.Helper()
	o := testOutlet{eventLog: &eventLog{}}
	cfg := carrier.OutletConfig{Config: config(carrier.XPUB, []option{events(o.eventLog), bind("tcp://127.0.0.1:*")}), History: h}
	if change != nil {
		change(&cfg)
	}
	out, err := Opener{}.OpenOutlet(cfg)
	require.NoError(t, err)
	o.outlet = out.(*outlet)
	t.Cleanup(func() { out.Close(0) })
	return o
}

// latecomer is an inlet that asks for history, and checks that what it gets of every stream is
// complete, in order, and comes once.
type latecomer struct {
	carrier.Inlet
	*eventLog

	mu     sync.Mutex
	got    map[string]int // of every stream (origin and topic): the number that is due
	first  map[string]int // and the first one
	wrong  []string
	total  int
	marked int
	pause  time.Duration
}

// since is a time on the clock of memoryHistory.
func since(n int64) *time.Time {
	at := timeOf(n)
	return &at
}

func newLatecomer(t testing.TB, address string, from *time.Time, prefixes ...string) *latecomer {
	return newLatecomerWith(t, address, from, 0, prefixes...)
}

func newLatecomerWith(t testing.TB, address string, from *time.Time, pause time.Duration, prefixes ...string) *latecomer {
	t.Helper()
	l := &latecomer{eventLog: &eventLog{}, got: map[string]int{}, first: map[string]int{}, pause: pause}
	in, err := Opener{}.OpenInlet(carrier.InletConfig{
		Config: config(carrier.SUB, []option{events(l.eventLog), dial(address)}), Deliver: l.deliver, Since: from})
	require.NoError(t, err)
	l.Inlet = in
	t.Cleanup(in.Close)
	for _, p := range prefixes {
		require.NoError(t, in.Subscribe([]byte(p)))
	}
	return l
}

func (l *latecomer) deliver(b *batch.Batch) {
	time.Sleep(l.pause)
	l.mu.Lock()
	defer l.mu.Unlock()
	var memo wire.StreamMemo
	for i := range b.Len() {
		var p wire.Parts
		if err := p.Split(b.Message(i), &memo); err != nil {
			l.wrong = append(l.wrong, err.Error())
			continue
		}
		l.total++
		if p.Cached {
			l.marked++
		}
		stream, number := string(p.Names), int(p.Sequence.Number)
		due, known := l.got[stream]
		if !known {
			l.first[stream] = number
		} else if number != due {
			l.wrong = append(l.wrong, fmt.Sprintf("%s has number %d where %d is due", p.Topic, number, due))
		}
		l.got[stream] = number + 1
	}
}

func (l *latecomer) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// requireAll waits until n messages have come, and checks that they are right and begin with 0.
func (l *latecomer) requireAll(t testing.TB, n int) {
	t.Helper()
	testkit.Eventually(t, func() bool { return l.count() >= n }, "%d messages", n)
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(t, l.wrong)
	require.Equal(t, n, l.total)
	for stream, first := range l.first {
		require.Zero(t, first, stream)
	}
}

// live waits until all prefixes of all peers are live.
func live(t testing.TB, o testOutlet, peers, prefixes int) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		n := 0
		for _, c := range *o.peers.Load() {
			c.out.mu.Lock()
			n += c.topics.Len()
			c.out.mu.Unlock()
		}
		return len(*o.peers.Load()) == peers && n == prefixes && o.HistoryCounts().Catching == 0
	}, "%d prefixes are live", prefixes)
}

func TestHistoryComesBeforeLiveMessages(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, nil)
	h.pass(o, envelopes(t, "kept/a", "o", 0, 10))
	h.pass(o, envelopes(t, "other", "o", 0, 10))
	h.pass(o, envelopes(t, "kept/b", "o", 0, 10))
	l := newLatecomer(t, o.address(), since(0), `"kept/a`)
	l.requireAll(t, 10)
	live(t, o, 1, 1)
	require.Equal(t, 10, o.Send(envelopes(t, "kept/a", "o", 10, 20)).Sent)
	l.requireAll(t, 20)
	require.Equal(t, 10, l.marked, "history is marked, and live messages are not")
	require.Equal(t, []string{`"kept/a`}, h.opened)
	require.True(t, h.sinces[0].IsZero())
	require.Equal(t, carrier.HistoryCounts{Messages: 10}, o.HistoryCounts())
	require.Equal(t, 1, o.Peers()[0].Subscriptions)
	plain := newLatecomer(t, o.address(), nil, `"kept/a`)
	o.wait(t, carrier.Connected, 2)
	live(t, o, 2, 2)
	h.pass(o, envelopes(t, "kept/a", "o", 20, 21))
	l.requireAll(t, 21)
	testkit.Eventually(t, func() bool { return plain.count() == 1 }, "a receiver without since gets what comes")
}

func TestHistoryBeginsAtATime(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, nil)
	h.pass(o, envelopes(t, "kept", "o", 0, 100))
	h.awaitStored(t, 100)
	l := newLatecomer(t, o.address(), since(60), "")
	testkit.Eventually(t, func() bool { return l.count() == 40 }, "those since then")
	live(t, o, 1, 1)
	require.Empty(t, l.wrong)
	require.Equal(t, map[string]int{string(namesOf(t, "kept", "o")): 60}, l.first)
}

func namesOf(t testing.TB, topic, origin string) []byte {
	names, _ := wire.NamesOf(envelopes(t, topic, origin, 0, 1).Message(0))
	return names
}

func TestWhatIsNotStoredYetIsNotMissed(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, nil)
	h.pass(o, envelopes(t, "kept", "o", 0, 10))
	h.awaitStored(t, 10)
	h.hold(true)
	h.pass(o, envelopes(t, "kept", "o", 10, 20))
	l := newLatecomer(t, o.address(), since(0), "")
	l.requireAll(t, 10)
	h.pass(o, envelopes(t, "kept", "o", 20, 30))
	h.pass(o, envelopes(t, "other", "o", 0, 7))
	testkit.Eventually(t, func() bool { return l.count() == 17 }, "topics without history do not wait")
	h.hold(false)
	l.requireAll(t, 37)
	live(t, o, 1, 1)
	h.pass(o, envelopes(t, "kept", "o", 30, 40))
	l.requireAll(t, 47)
}

func TestOverlappingPrefixesGiveNoCopiesOfHistory(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, nil)
	for i := range 20 {
		h.pass(o, envelopes(t, "kept/a", "o", 10*i, 10*i+10))
		h.pass(o, envelopes(t, "kept/b", "o", 10*i, 10*i+10))
	}
	l := newLatecomer(t, o.address(), since(0), `"kept/a`, `"kept`, `"kept/b`, "", `"kept/a"`)
	l.requireAll(t, 400)
	live(t, o, 1, 5)
	h.pass(o, envelopes(t, "kept/a", "o", 200, 210))
	l.requireAll(t, 410)
	require.NoError(t, l.Unsubscribe(nil))
	require.NoError(t, l.Subscribe([]byte(`"kept/`)))
	o.wait(t, carrier.Unsubscribed, 1)
	live(t, o, 1, 5)
	h.pass(o, envelopes(t, "kept/b", "o", 200, 210))
	l.requireAll(t, 420)
}

func TestAPeerIsToldWhatHistoryIsMissing(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, nil)
	h.pass(o, envelopes(t, "kept", "o", 0, 10))
	l := newLatecomer(t, o.address(), since(0), `"other`)
	e := l.wait(t, carrier.HistoryMissing, 1)
	require.Equal(t, "it keeps no history of topics that begin with other", e.Reason)
	require.NoError(t, l.Subscribe([]byte(`"more`)))
	live(t, o, 1, 2)
	h.fail(errors.New("the store is away"))
	require.NoError(t, l.Subscribe([]byte(`"kept`)))
	e = l.wait(t, carrier.HistoryMissing, 2)
	require.Equal(t, "not all history can be read: the store is away", e.Reason)
	live(t, o, 1, 3)
	h.pass(o, envelopes(t, "kept", "o", 10, 20))
	testkit.Eventually(t, func() bool { return l.count() == 10 }, "it is live without history")
	require.EqualValues(t, 2, o.HistoryCounts().Incomplete)

	old := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	l = newLatecomer(t, old.address(), since(0), `"other`)
	e = l.wait(t, carrier.HistoryMissing, 1)
	require.Equal(t, "it keeps no history, and sends only what comes from now on", e.Reason)
	old.wait(t, carrier.Subscribed, 1)
	require.Equal(t, 10, old.Send(envelopes(t, "other", "o", 0, 10)).Sent)
	l.requireAll(t, 10)
}

func TestAFailingStoreLeavesNoGapThatTheOutletCanClose(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, nil)
	h.pass(o, envelopes(t, "kept", "o", 0, 10))
	h.awaitStored(t, 10)
	h.hold(true)
	l := newLatecomer(t, o.address(), since(0), "")
	l.requireAll(t, 10)
	h.pass(o, envelopes(t, "kept", "o", 10, 20))
	h.fail(errors.New("the store is away"))
	l.requireAll(t, 20)
	live(t, o, 1, 1)
}

func TestHistoryWaitsForASlowPeer(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.Drop, carrier.DropOld, carrier.LatestPerTopic, carrier.Block, carrier.Auto} {
		for _, queue := range []int{1, 3, 100} {
			t.Run(fmt.Sprint(overflow, queue), func(t *testing.T) {
				h := newMemoryHistory(t)
				o := openWithHistory(t, h, func(c *carrier.OutletConfig) {
					c.Overflow, c.QueueMessages = overflow, queue
					c.StallTimeout = func() time.Duration { return time.Minute }
				})
				for i := range 20 {
					h.pass(o, envelopes(t, "kept", "o", 100*i, 100*i+100))
				}
				l := newLatecomerWith(t, o.address(), since(0), 100*time.Microsecond, "")
				l.requireAll(t, 2000)
				live(t, o, 1, 1)
				require.Zero(t, o.Peers()[0].Dropped)
			})
		}
	}
}

func TestABreakIsHealedByHistory(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, nil)
	h.pass(o, envelopes(t, "kept", "o", 0, 1000))
	l := newLatecomer(t, o.address(), since(0), `"kept`)
	l.requireAll(t, 1000)
	in := l.Inlet.(*inlet)
	testkit.Eventually(t, func() bool {
		in.position.mu.Lock()
		defer in.position.mu.Unlock()
		return in.position.reached[o.address()] == 1000
	}, "it knows how far it is")
	for _, c := range *o.peers.Load() {
		c.abort(errors.New("the connection breaks"))
	}
	h.pass(o, envelopes(t, "kept", "o", 1000, 1500))
	o.wait(t, carrier.Connected, 2)
	l.requireAll(t, 1500)
	require.Equal(t, []int64{0, 1000}, h.asked()[:2])

	// A subscription that is new asks from the beginning.
	h.pass(o, envelopes(t, "kept", "o", 1500, 1600))
	l.requireAll(t, 1600)
	require.NoError(t, l.Subscribe([]byte("")))
	live(t, o, 1, 2)
	require.Zero(t, h.asked()[2])
	l.requireAll(t, 1600)
}

func TestAChangedHistoryMakesPeersAskAgain(t *testing.T) {
	o := openWithHistory(t, nil, nil)
	l := newLatecomer(t, o.address(), since(0), "")
	l.wait(t, carrier.HistoryMissing, 1)
	h := newMemoryHistory(t)
	h.pass(o, envelopes(t, "kept", "o", 0, 10))
	l.requireAll(t, 10)
	h.awaitStored(t, 10)
	o.ServeHistory(h)
	o.ServeHistory(h)
	l.wait(t, carrier.Connected, 2)
	testkit.Eventually(t, func() bool { return l.count() == 20 }, "history")
	o.ServeHistory(nil)
	l.wait(t, carrier.Connected, 3)
	require.Nil(t, l.find(carrier.HistoryMissing, 1), "that is told once")
}

func TestNothingIsLeftOfAPeerThatReadsHistory(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, nil)
	for i := range 20 {
		h.pass(o, envelopes(t, "kept", "o", 1000*i, 1000*i+1000))
	}
	h.hold(true)
	h.pass(o, envelopes(t, "kept", "o", 20_000, 20_001))
	for range 3 {
		l := newLatecomer(t, o.address(), since(0), `"kept`, `"kept/2`)
		testkit.Eventually(t, func() bool { return l.count() > 1000 }, "it reads")
		require.NoError(t, l.Unsubscribe([]byte(`"kept/2`)))
		l.Close()
	}
	testkit.Eventually(t, func() bool { return o.HistoryCounts().Catching == 0 && wanted(o.outlet) == 0 }, "all is over")
	l := newLatecomer(t, o.address(), since(0), `"kept`)
	testkit.Eventually(t, func() bool { return l.count() > 1000 }, "it reads")
	o.Close(0)
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Zero(t, h.readers)
	require.Nil(t, o.history.recent.chunks)
}

func TestHistoryAndLastValuesOfOnePeer(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, func(c *carrier.OutletConfig) { c.Cache = &memoryCache{} })
	h.pass(o, envelopes(t, "kept", "o", 0, 10))
	h.pass(o, envelopes(t, "other", "o", 0, 10))
	l := newLatecomer(t, o.address(), since(0), "", `"other`, `"kept`)
	l.requireAll(t, 20)
	live(t, o, 1, 3)
	h.pass(o, envelopes(t, "kept", "o", 10, 20))
	h.pass(o, envelopes(t, "other", "o", 10, 20))
	l.requireAll(t, 40)
}

func TestMalformedTimesOfHistoryEndTheConnection(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, nil)
	for _, bad := range []string{"", "-1", "soon", "1e6", "99999999999999999999999"} {
		p := connectRaw(t, o.address())
		p.shakeHands("SUB", 1)
		p.send(appendCommand(nil, cmdSince, []byte(bad)))
		p.requireHungUp()
	}
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	p.send(appendTime(nil, cmdSince, 0))
	p.requireHungUp() // it has not said in its handshake that it would ask
	p = connectRaw(t, o.address())
	p.send(greeting(1))
	p.receive(greetingSize)
	p.send(appendCommand(nil, cmdReady, properties{socketType: "SUB", since: "0"}.encode()))
	p.send(appendTime(nil, cmdSince, 0), appendSubscription(nil, 1, true, nil))
	o.wait(t, carrier.Subscribed, 1)
	require.Empty(t, h.opened, "a peer that does not know the mark gets no history")
}

// TestAPeerThatTakesNothingHoldsNothingThatWasFetchedAhead, and gets everything when it goes on.
func TestAPeerThatTakesNothingHoldsNothingThatWasFetchedAhead(t *testing.T) {
	h := newMemoryHistory(t)
	o := openWithHistory(t, h, nil)
	const n = 3000
	large := &batch.Batch{}
	for i := range n {
		require.NoError(t, wire.Append(large, "kept", []byte(`"o"`), []byte(`"`+strings.Repeat("x", 10_000)+`"`), true))
		wire.Stamp(large, 1_700_000_000_000_000, true)
		wire.Number(large, i, wire.Sequence{Incarnation: 7, Number: uint32(i)})
	}
	h.pass(o, large)
	h.awaitStored(t, n)
	l := newLatecomer(t, o.address(), since(0), "")
	l.mu.Lock()
	testkit.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.pauses > 0
	}, "its reader pauses")
	l.mu.Unlock()
	l.requireAll(t, n)
}

// A receiver that begins at any moment of a flow gets all of it, once, and in order.
func TestALatecomerMissesNothingOfAFlow(t *testing.T) {
	for round := range 20 {
		t.Run(fmt.Sprint(round), func(t *testing.T) { flowWithLatecomers(t, round) })
	}
}

const (
	flowPublishers = 3
	flowMessages   = 3000 // of each publisher
)

func flowWithLatecomers(t *testing.T, seed int) {
	random := rand.New(rand.NewPCG(uint64(seed), 7))
	h := newMemoryHistory(t)
	overflow := []carrier.Overflow{carrier.Drop, carrier.Auto, carrier.Block}[seed%3]
	o := openWithHistory(t, h, func(c *carrier.OutletConfig) {
		c.Overflow, c.StallTimeout = overflow, func() time.Duration { return time.Minute }
	})
	if seed%2 == 1 { // the ring often does not reach back far enough
		o.history.recent.most, o.history.recent.chunk = 20_000, 5_000
	}
	var publishers sync.WaitGroup
	at := make(chan struct{}, flowPublishers*flowMessages)
	for p := range flowPublishers {
		size := 1 + random.IntN(200)
		publishers.Go(func() {
			for i := 0; i < flowMessages; i += size {
				h.pass(o, envelopes(t, "kept/a", fmt.Sprint(p), i, min(i+size, flowMessages)))
				at <- struct{}{}
			}
		})
	}
	var late []*latecomer
	for range 3 {
		for range random.IntN(15) {
			<-at
		}
		late = append(late, newLatecomer(t, o.address(), since(0), [][]string{{""}, {`"kept`, `"kept/a`}}[random.IntN(2)]...))
	}
	publishers.Wait()
	for _, l := range late {
		l.requireAll(t, flowPublishers*flowMessages)
	}
}

// Each time that moves back is told the peer again, so one that asks again and again and reads nothing
// would have this end keep ever more commands.
func TestAPeerThatMovesItsHistoryBackAndDoesNotReadIsDisconnected(t *testing.T) {
	o := openWithHistory(t, newMemoryHistory(t), nil)
	p := connectRaw(t, o.address())
	p.send(greeting(1))
	p.receive(greetingSize)
	p.send(appendCommand(nil, cmdReady, properties{socketType: "SUB", hermes: "2", since: "9"}.encode()))
	p.receiveFrame()
	o.wait(t, carrier.Connected, 1)
	c := (*o.peers.Load())[0]
	c.out.mu.Lock()
	c.out.addCommand(make([]byte, 32<<20)) // more than the system takes
	c.flush()
	p.send(appendTime(nil, cmdSince, 9), appendSubscription(nil, 1, true, []byte(`"kept/a`)),
		appendTime(nil, cmdSince, 8), appendSubscription(nil, 1, true, []byte(`"kept/b`)))
	require.Contains(t, o.wait(t, carrier.Disconnected, 1).Reason, "does not read")
}
