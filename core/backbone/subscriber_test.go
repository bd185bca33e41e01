package backbone_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// overheard counts what sites tell each other, by kinds as package sites numbers them.
type overheard struct {
	kinds [8]atomic.Int64
	bytes atomic.Int64
}

const kindOfDelta = 3

func overhear(t testing.TB, url string) *overheard {
	o := &overheard{}
	c, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.Subscribe("hermes.c.>", func(m *nats.Msg) {
		o.kinds[m.Data[3]&7].Add(1)
		o.bytes.Add(int64(len(m.Data)))
	})
	require.NoError(t, err)
	require.NoError(t, c.Flush())
	return o
}

// manyTopics is so many prefixes that no other one begins.
func manyTopics(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("area%d/sensor%d/", i%100, i))
	}
	return all
}

func TestOfManyPrefixesOnlyWhatIsWantedCrosses(t *testing.T) {
	const prefixes, topics = 100_000, 3000
	nats := natsServer(t, &server.Options{})
	s := sitesAt(t, nats.ClientURL(), 2)
	o := overhear(t, nats.ClientURL())
	before := nats.NumSubscriptions()
	all := manyTopics(prefixes)
	r := newReceiver(t, s[1].office, all[0])
	began := time.Now()
	for _, topic := range all[1:] {
		require.NoError(t, r.Subscribe(topic))
	}
	wanted(t, s[0], prefixes)
	t.Logf("%d prefixes are known elsewhere after %v: %d NATS subscriptions, %d deltas, %d KiB in all", prefixes, time.Since(began).Round(time.Millisecond),
		nats.NumSubscriptions()-before, o.kinds[kindOfDelta].Load(), o.bytes.Load()>>10)
	require.EqualValues(t, prefixes, nats.NumSubscriptions()-before)
	require.Less(t, o.kinds[kindOfDelta].Load(), int64(2000), "they are told together")

	p := newPublisher(t, s[0].office, "pub")
	newReceiver(t, s[0].office, "") // so that everything is sent
	eventually(t, "the publisher has not heard of all subscriptions", func() bool {
		peers := p.Stats().Peers
		return len(peers) == 1 && peers[0].Subscriptions == prefixes+1
	})
	random := rand.New(rand.NewPCG(1, 1))
	var want []string
	for i := range topics {
		topic := all[random.IntN(len(all))] + fmt.Sprint(i)
		if i%2 == 0 {
			topic = "else/" + topic
		} else {
			want = append(want, topic)
		}
		require.NoError(t, p.Publish(topic, "", []byte("1")))
	}
	for i, e := range collect(t, r, len(want)) {
		require.Equal(t, want[i], e.Topic)
	}
	nothing(t, r)
	require.EqualValues(t, topics/2, balanced(t, s[1].backbone, s[1].office).Arrived, "NATS brings nothing else")
	first := balanced(t, s[0].backbone, s[0].office)
	require.Equal(t, []int{topics / 2, topics - topics/2}, []int{int(first.OutMessages), int(first.Unwanted)})

	require.NoError(t, r.Close())
	wanted(t, s[0], 0)
	eventually(t, "NATS subscriptions stay", func() bool { return nats.NumSubscriptions() == before+2 }) // of the receiver at the other site
}

// comeBack lets so many receivers with 100 prefixes each come to a post office at once, twice: their first start,
// and when their post office has been away. It logs what that costs.
func comeBack(t testing.TB, receivers int, topic func(r, i int) string, prefixes int) {
	nats := natsServer(t, &server.Options{})
	s := sitesAt(t, nats.ClientURL(), 2)
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	require.NoError(t, err)
	out := "tcp://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	a, err := core.NewPostOffice("tcp://127.0.0.1:*", out, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	require.NoError(t, a.Start())
	join(t, a, backbone.Options{Servers: []string{nats.ClientURL()}, Site: "back"})
	o := overhear(t, nats.ClientURL())
	before := nats.NumSubscriptions()
	var all sync.WaitGroup
	for i := range receivers {
		r, err := core.NewReceiver(out, fmt.Sprint("rec", i))
		require.NoError(t, err)
		t.Cleanup(func() { _ = r.Close() })
		for j := range 100 {
			require.NoError(t, r.Subscribe(topic(i, j)))
		}
		all.Go(func() { _ = r.Start() })
	}
	all.Wait()
	told := func(what string, began time.Time) {
		wanted(t, s[0], prefixes)
		wanted(t, s[1], prefixes)
		t.Logf("%s, %d receivers with 100 prefixes each, %d in all: after %v, %d NATS subscriptions, %d deltas, %d KiB, %d others", what, receivers, prefixes,
			time.Since(began).Round(time.Millisecond), nats.NumSubscriptions()-before, o.kinds[kindOfDelta].Load(), o.bytes.Load()>>10,
			o.kinds[1].Load()+o.kinds[2].Load()+o.kinds[4].Load()+o.kinds[5].Load())
	}
	told("they come", time.Now())
	require.NoError(t, a.Stop(soon))
	wanted(t, s[0], 0)
	for i := range o.kinds {
		o.kinds[i].Store(0)
	}
	o.bytes.Store(0)
	began := time.Now()
	require.NoError(t, a.Start())
	told("they come back", began)
}

func TestReceiversThatComeBackAtOnceCostFewMessages(t *testing.T) {
	comeBack(t, 50, func(r, i int) string { return fmt.Sprintf("area%d/sensor%d/", i, r) }, 5000)
}

func BenchmarkReceiversThatComeBackAtOnce(b *testing.B) {
	for name, topic := range map[string]func(r, i int) string{
		"different": func(r, i int) string { return fmt.Sprintf("area%d/sensor%d/", i, r) },
		"same":      func(_, i int) string { return fmt.Sprintf("area%d/", i) },
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				prefixes := 100_000
				if name == "same" {
					prefixes = 100
				}
				comeBack(b, 1000, topic, prefixes)
			}
		})
	}
}

// TestWhatIsWantedAllTheTimeIsNotHurtByWhatComesAndGoes: filters that cover each other replace each other meanwhile.
func TestWhatIsWantedAllTheTimeIsNotHurtByWhatComesAndGoes(t *testing.T) {
	s := sitesAt(t, natsServer(t, &server.Options{}).ClientURL(), 2)
	r, other := newReceiver(t, s[1].office, "a/b/c"), newReceiver(t, s[1].office, "a/b/c/none", "queue.full", "drop_new", "queue.messages", "10")
	wanted(t, s[0], 1)
	p := newPublisher(t, s[0].office, "pub")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%+v\n%+v\n%+v\n%+v", s[0].backbone.Stats(), s[1].backbone.Stats(), r.Stats(), p.Stats())
		}
	})
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		wide := []string{"a/", "a/b/", "", "a", "a/b/c/d"}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_ = other.Subscribe(wide[i%len(wide)])
			time.Sleep(time.Millisecond)
			_ = other.Unsubscribe(wide[i%len(wide)])
		}
	})
	const n = 30_000
	for from := 0; from < n; from += 100 {
		publish(t, p, "a/b/c", from, from+100)
		inOrder(t, collect(t, r, 100), from)
	}
	close(stop)
	all.Wait()
	lossless(t, r)
	nothing(t, r)
	require.EqualValues(t, n, balanced(t, s[0].backbone, s[0].office).OutMessages)
	at := balanced(t, s[1].backbone, s[1].office)
	t.Logf("%d NATS copies at changes", at.Duplicates)
	require.EqualValues(t, n, at.InMessages)
}
