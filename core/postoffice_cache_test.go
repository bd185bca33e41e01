package core

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/zmtp"
)

// relayed waits until n messages have passed a post office.
func relayed(t testing.TB, po *PostOffice, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return po.Stats().InMessages >= uint64(n) }, soon, time.Millisecond)
	require.EqualValues(t, n, po.Stats().InMessages)
}

// publishNumbers publishes from to to-1 on a topic.
func publishNumbers(t testing.TB, p *Publisher, topic string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		require.NoError(t, p.Publish(topic, "", strconv.AppendInt(nil, int64(i), 10)))
	}
}

// values collects n envelopes and sorts their data by topic.
func values(t testing.TB, r *Receiver, n int) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	for _, e := range collect(t, r, n) {
		got[e.Topic] = append(got[e.Topic], string(e.Data))
	}
	return got
}

// nothingMore makes sure that what is counted is all that comes, by an envelope that
// is sent behind it.
func nothingMore(t testing.TB, p *Publisher, r *Receiver, topic string) {
	t.Helper()
	require.NoError(t, p.Publish(topic, "", []byte(`"end"`)))
	e := collect(t, r, 1)[0]
	require.Equal(t, []string{topic, `"end"`}, []string{e.Topic, string(e.Data)})
}

func TestALateReceiverGetsTheLastValues(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine, "cache.depth", "3")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, p.WaitReady(soon), "the post office asks without any receiver")
		publishNumbers(t, p, "a/1", 0, 10)
		publishNumbers(t, p, "a/2", 0, 2)
		publishNumbers(t, p, "b", 0, 10)
		relayed(t, po, 22)
		sent := time.Now()
		time.Sleep(60 * time.Millisecond)

		r, err := NewReceiver(get(t, po, "endpoint.out"), "late")
		require.NoError(t, err)
		set(t, r, "timeout", "50ms") // which all of it is older than
		require.NoError(t, r.Subscribe("a/"))
		require.NoError(t, r.Start())
		defer r.Close()
		got := map[string][]string{}
		for _, e := range collect(t, r, 5) {
			got[e.Topic] = append(got[e.Topic], string(e.Data))
			require.Less(t, e.TS, clock.Seconds(sent), "its own time")
		}
		require.Equal(t, map[string][]string{"a/1": {"7", "8", "9"}, "a/2": {"0", "1"}}, got)

		set(t, r, "timeout", "1m")
		publishNumbers(t, p, "a/1", 10, 12)
		require.Equal(t, map[string][]string{"a/1": {"10", "11"}}, values(t, r, 2), "live, behind it")
		nothingMore(t, p, r, "a/2")
		relayed(t, po, 25)
		s := r.Stats()
		require.EqualValues(t, 5, s.Cached)
		require.Zero(t, s.Lost+s.Duplicates+s.DroppedStale+s.DroppedDuplicate)
		ps := po.Stats()
		require.EqualValues(t, 3, ps.CacheTopics)
		require.EqualValues(t, 9, ps.CacheMessages)
		require.EqualValues(t, 5, ps.CacheSent)
		require.EqualValues(t, 3, ps.OutMessages)
		require.EqualValues(t, 22, ps.Unwanted, "what is kept and has no subscriber is unwanted")
	})
}

func TestASecondSubscriptionRepeatsNothing(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine, "cache.depth", "1")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		for _, topic := range []string{"a/1", "a/2", "b/1"} {
			publishNumbers(t, p, topic, 0, 1)
		}
		relayed(t, po, 3)
		r, err := NewReceiver(get(t, po, "endpoint.out"), "late")
		require.NoError(t, err)
		require.NoError(t, r.Subscribe("a/1"))
		require.NoError(t, r.Start())
		defer r.Close()
		one := []string{"0"}
		require.Equal(t, map[string][]string{"a/1": one}, values(t, r, 1))
		require.NoError(t, r.Subscribe("a/"))
		require.NoError(t, r.Subscribe("a/"))
		require.Equal(t, map[string][]string{"a/2": one}, values(t, r, 1))
		require.NoError(t, r.Subscribe(""))
		require.Equal(t, map[string][]string{"b/1": one}, values(t, r, 1))
		nothingMore(t, p, r, "a/1")

		for _, topic := range []string{"", "a/", "a/", "a/1"} {
			require.NoError(t, r.Unsubscribe(topic))
		}
		require.Eventually(t, func() bool { return po.Stats().Subscribers[0].Subscriptions == 0 }, soon, pollEvery)
		require.NoError(t, r.Subscribe("a/1"))
		require.Equal(t, map[string][]string{"a/1": {`"end"`}}, values(t, r, 1), "a receiver that subscribes to a topic once more gets it again")
		require.EqualValues(t, 4, po.Stats().CacheSent)
	})
}

// TestOtherReceiversGetNothingOfAReplay: receivers that were subscribed already get no copy.
func TestOtherReceiversGetNothingOfAReplay(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine, "cache.depth", "100")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		early := newReceiver(t, engine, get(t, po, "endpoint.out"))
		require.Eventually(t, func() bool { return subscribed(po.Stats()) == 1 }, soon, pollEvery)
		publishNumbers(t, p, "a", 0, 100)
		require.Len(t, values(t, early, 100)["a"], 100)
		for range 5 {
			late := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
			require.Len(t, values(t, late, 100)["a"], 100)
		}
		nothingMore(t, p, early, "a")
		require.Zero(t, early.Stats().Cached)
	})
}

// TestAReceiverThatReconnectsGetsNothingTwice: what a receiver has had already when it is connected
// again is dropped there, and what it has missed meanwhile is not lost.
func TestAReceiverThatReconnectsGetsNothingTwice(t *testing.T) {
	po := newOffice(t, "zmtp", "cache.depth", "5")
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
	relay := testkit.NewRelay(t, get(t, po, "endpoint.out"))
	r := newReceiver(t, "zmtp", relay.Address(), "on_slow", "ignore", "reconnect.min", "1ms", "reconnect.max", "10ms")
	require.Eventually(t, func() bool { return subscribed(po.Stats()) == 1 }, soon, pollEvery)
	publishNumbers(t, p, "a", 0, 10)
	require.Len(t, values(t, r, 10)["a"], 10)
	relay.Cut()
	require.Eventually(t, func() bool { return len(po.Stats().Subscribers) == 0 }, soon, pollEvery)
	publishNumbers(t, p, "a", 10, 13)
	relayed(t, po, 13)
	relay.Restore()
	require.Equal(t, []string{"10", "11", "12"}, values(t, r, 3)["a"])
	nothingMore(t, p, r, "a")
	s := r.Stats()
	require.EqualValues(t, 2, s.DroppedDuplicate, "8 and 9")
	require.Zero(t, s.Lost+s.Duplicates)
	require.Equal(t, s.Arrived, s.Delivered+s.DroppedDuplicate)
}

// TestTheCacheAndTheLiveStreamJoinWithoutAGap: a receiver, whenever it comes and
// whatever it asks for, sees every stream from some envelope on without a gap and
// without a repetition, while publishers send as fast as they can.
func TestTheCacheAndTheLiveStreamJoinWithoutAGap(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		const publishers, topics, depth = 3, 5, 4
		po := newOffice(t, engine, "cache.depth", strconv.Itoa(depth*publishers))
		var over atomic.Bool
		var tasks sync.WaitGroup
		defer tasks.Wait()
		defer over.Store(true)
		for k := range publishers {
			p := newPublisher(t, engine, get(t, po, "endpoint.in"))
			tasks.Add(1)
			go func() {
				defer tasks.Done()
				for i := 0; !over.Load(); i++ {
					for topic := range topics {
						_ = p.Publish(fmt.Sprintf("t/%d/x", topic), strconv.Itoa(k), strconv.AppendInt(nil, int64(i), 10))
					}
					if i%64 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			}()
		}
		require.Eventually(t, func() bool { return po.Stats().CacheTopics == topics }, soon, pollEvery)

		var cached atomic.Uint64
		var guests sync.WaitGroup
		for g := range 3 {
			guests.Add(1)
			go func() {
				defer guests.Done()
				random := rand.New(rand.NewPCG(uint64(g), 2))
				for range 8 {
					cached.Add(visit(t, po, random, topics))
				}
			}()
		}
		testkit.Wait(t, &guests, "guests")
		require.Equal(t, po.Stats().CacheSent, cached.Load(), "each had everything before it left")
		require.NotZero(t, cached.Load())
		s := po.Stats()
		require.Zero(t, s.Dropped+s.CacheDropped)
		require.Equal(t, s.InMessages, s.OutMessages+s.Unwanted+s.Dropped)
	})
}

// visit is one receiver's life: it asks for more and more, and looks at every stream.
func visit(t *testing.T, po *PostOffice, random *rand.Rand, topics int) (cached uint64) {
	r, err := NewReceiver(get(t, po, "endpoint.out"), "guest")
	if err != nil {
		t.Error(err)
		return 0
	}
	defer r.Close()
	_ = r.Set("on_slow", "ignore")
	asked := []string{fmt.Sprintf("t/%d", random.IntN(topics)), fmt.Sprintf("t/%d/", random.IntN(topics)), "t/", ""}[random.IntN(2):]
	next := map[[2]string]int{}
	for i, topic := range asked {
		if err := r.Subscribe(topic); err != nil {
			t.Error(err)
		}
		if i == 0 {
			if err := r.Start(); err != nil {
				t.Error(err)
				return 0
			}
		}
		streams := 3 // at the first topic, of each publisher
		if strings.HasSuffix(topic, "t/") || topic == "" {
			streams *= topics
		}
		for left := 200 + random.IntN(800); left > 0 || len(next) < streams; {
			d, err := r.Take(max(left, 100), soon)
			if err != nil {
				t.Errorf("%v: %s", err, r.StatsJSON())
				return 0
			}
			for at := range d.Len() {
				e := d.Envelope(at)
				n, _ := strconv.Atoi(string(e.Data))
				stream := [2]string{e.Topic, e.Origin}
				if want, known := next[stream]; known && n != want {
					t.Errorf("%v: %d after %d", stream, n, want-1)
					return 0
				}
				next[stream] = n + 1
			}
			left -= d.Len()
			d.Release()
		}
	}
	_ = r.Stop(0)
	s := r.Stats()
	if s.Lost+s.Duplicates+s.DroppedDuplicate > 0 {
		t.Errorf("false gaps or duplicates: %s", r.StatsJSON())
	}
	return s.Cached
}

// ear is a receiver that does not tell what it is, as those of 1.x.
type ear struct {
	carrier.Inlet
	got chan []string
}

func newEar(t testing.TB, address string, typ carrier.Type) *ear {
	t.Helper()
	e := &ear{got: make(chan []string, 1000)}
	in, err := zmtp.Opener{}.OpenInlet(carrier.InletConfig{Config: carrier.Config{Type: typ, Connect: []string{address}},
		Deliver: func(b *batch.Batch) {
			for i := range b.Len() {
				var m []string
				for _, f := range batch.Frames(nil, b.Message(i)) {
					m = append(m, string(f))
				}
				e.got <- m
			}
		}})
	require.NoError(t, err)
	t.Cleanup(in.Close)
	e.Inlet = in
	return e
}

func (e *ear) next(t testing.TB) []string {
	t.Helper()
	return testkit.Receive(t, e.got, "a message")
}

func TestOldReceiversGetOfTheCacheWhatTheOptionSays(t *testing.T) {
	for _, c := range []struct {
		old    string
		typ    carrier.Type
		served bool
	}{{"off", carrier.SUB, false}, {"restamp", carrier.SUB, true}, {"restamp", carrier.XSUB, false}} {
		po := newOffice(t, "zmtp", "cache.depth", "2", "cache.old", c.old)
		p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
		publishNumbers(t, p, "a", 0, 5)
		relayed(t, po, 5)
		time.Sleep(20 * time.Millisecond)
		before := clock.Seconds(time.Now())
		e := newEar(t, get(t, po, "endpoint.out"), c.typ)
		require.NoError(t, e.Subscribe([]byte(`"a`)))
		require.Eventually(t, func() bool { s := po.Stats().Subscribers; return len(s) == 1 && s[0].Subscriptions == 1 }, soon, pollEvery)
		require.NoError(t, p.Publish("a", "", []byte(`"end"`)))
		var got []string
		for len(got) == 0 || got[len(got)-1] != `"end"` {
			m := e.next(t)
			require.Len(t, m, 4)
			got = append(got, m[2])
			ts, err := strconv.ParseFloat(m[3][:17], 64)
			require.NoError(t, err)
			require.Greater(t, ts, before-1e-3)
			require.Len(t, m[3], 17+24, "no mark")
		}
		if c.served {
			require.Equal(t, []string{"3", "4", `"end"`}, got)
		} else {
			require.Equal(t, []string{`"end"`}, got)
		}
	}
}

func TestOnlyTheTopicsOfTheCacheAreKeptAndSubscribedTo(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine, "cache.depth", "1", "cache.topics", "a/, b")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, p.WaitReady(soon))
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		require.NoError(t, r.Subscribe("b"))
		require.Eventually(t, func() bool {
			s := p.Stats().Peers
			subscribers := po.Stats().Subscribers
			return len(s) == 1 && s[0].Subscriptions == 2 && len(subscribers) == 1 && subscribers[0].Subscriptions == 1
		}, soon, pollEvery)
		require.NoError(t, r.Close())
		require.Eventually(t, func() bool { return len(po.Stats().Subscribers) == 0 }, soon, pollEvery)
		for _, topic := range []string{"a/1", "a", "b/1", "c"} {
			publishNumbers(t, p, topic, 0, 1)
		}
		relayed(t, po, 2)
		require.Equal(t, 2, p.Stats().Peers[0].Subscriptions, "still asked for when the receiver has gone")
		late := newReceiver(t, engine, get(t, po, "endpoint.out"))
		require.Equal(t, map[string][]string{"a/1": {"0"}, "b/1": {"0"}}, values(t, late, 2))
	})
}

func TestACacheServesReceiversWithinTheProcess(t *testing.T) {
	po, err := NewPostOffice("inproc://cache-in", "tcp://127.0.0.1:*,inproc://cache-out", "")
	require.NoError(t, err)
	set(t, po, "cache.depth", "1")
	require.NoError(t, po.Start())
	defer po.Close()
	p := newPublisher(t, "auto", "inproc://cache-in")
	publishNumbers(t, p, "a", 0, 3)
	relayed(t, po, 3)
	for _, at := range strings.Split(get(t, po, "endpoint.out"), ",") {
		r := newReceiver(t, "zmtp", at)
		require.Equal(t, []string{"2"}, values(t, r, 1)["a"], at)
	}
}

func TestOptionsOfTheCache(t *testing.T) {
	po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	for _, c := range [][2]string{{"cache.depth", "-1"}, {"cache.depth", "1048577"}, {"cache.depth", "many"}, {"cache.bytes", "0"}, {"cache.old", "yes"}, {"cache.topics", "a,\xff"}} {
		code(t, EOPTION, po.Set(c[0], c[1]), c[0])
	}
	set(t, po, "cache.topics", "", "cache.depth", "0")
	require.Equal(t, "", get(t, po, "cache.topics"))
}

// TestARestartedPostOfficeKeepsNothing: a run begins with an empty cache.
func TestARestartedPostOfficeKeepsNothing(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine, "cache.depth", "1")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		publishNumbers(t, p, "a", 0, 1)
		relayed(t, po, 1)
		require.NoError(t, po.Stop(soon))
		require.NoError(t, po.Start())
		require.Zero(t, po.Stats().CacheTopics)
	})
}
