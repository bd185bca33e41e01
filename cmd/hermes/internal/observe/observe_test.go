package observe

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// office starts a post office and gives the addresses of its two sides.
func office(t *testing.T, settings ...string) (in, out string) {
	t.Helper()
	po, err := core.NewPostOffice("tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = po.Close() })
	for i := 0; i < len(settings); i += 2 {
		require.NoError(t, po.Set(settings[i], settings[i+1]))
	}
	require.NoError(t, po.Start())
	in, err = po.Get("endpoint.in")
	require.NoError(t, err)
	out, err = po.Get("endpoint.out")
	require.NoError(t, err)
	return in, out
}

func observer(t *testing.T, address string, config Config) *Observer {
	t.Helper()
	r, err := core.NewReceiver(address, "observer")
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	require.NoError(t, Prepare(r))
	o, err := New(r, config)
	require.NoError(t, err)
	t.Cleanup(o.Close)
	require.NoError(t, r.WaitReady(testkit.Soon))
	return o
}

func publisher(t *testing.T, address, name string) *core.Publisher {
	t.Helper()
	p, err := core.NewPublisher(address, name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	require.NoError(t, p.Start())
	require.NoError(t, p.WaitReady(testkit.Soon))
	return p
}

// total adds up what samples contain until they have n envelopes.
func total(t *testing.T, o *Observer, table int, n uint64) map[string]Row {
	t.Helper()
	sum, seen := map[string]Row{}, uint64(0)
	testkit.Eventually(t, func() bool {
		s, err := o.Sample()
		require.NoError(t, err)
		for _, r := range append(s.Rows[table], s.Other[table]) {
			have := sum[r.Name]
			r.Count, r.Bytes, r.Lost, r.Cached = r.Count+have.Count, r.Bytes+have.Bytes, r.Lost+have.Lost, r.Cached+have.Cached
			sum[r.Name] = r
		}
		seen = 0
		for _, r := range sum {
			seen += r.Count + r.Cached
		}
		return seen >= n
	}, "%d envelopes are counted", n)
	require.Equal(t, n, seen)
	return sum
}

func TestTopicsAndOriginsAreCountedExactly(t *testing.T) {
	in, out := office(t)
	o := observer(t, out, Config{By: []Key{ByTopic, ByOrigin}, Histogram: Delay, CPU: -1})
	p := publisher(t, in, "counter")
	testkit.Eventually(t, func() bool { return p.Stats().Ready }, "subscribed to everything")
	bytes := map[string]uint64{}
	for i := range 1000 {
		topic, origin, data := fmt.Sprintf("t/%d", i%3), fmt.Sprintf("o%d", i%2), fmt.Appendf(nil, "%d", i)
		require.NoError(t, p.Publish(topic, origin, data))
		bytes[topic] += uint64(len(topic) + len(origin) + len(data))
	}
	topics := total(t, o, 0, 1000)
	require.Equal(t, []uint64{334, 333, 333}, []uint64{topics["t/0"].Count, topics["t/1"].Count, topics["t/2"].Count})
	for topic, n := range bytes {
		require.Equal(t, n, topics[topic].Bytes, topic)
	}
	require.ElementsMatch(t, []string{"o0", "o1"}, topics["t/0"].Others)
}

func TestOriginsHaveATableOfTheirOwn(t *testing.T) {
	in, out := office(t)
	o := observer(t, out, Config{By: []Key{ByOrigin}})
	p := publisher(t, in, "counter")
	for i := range 100 {
		require.NoError(t, p.Publish("t", fmt.Sprintf("o%d", i%4), []byte("1")))
	}
	rows := total(t, o, 0, 100)
	require.Equal(t, uint64(25), rows["o3"].Count)
	require.Equal(t, []string{"t"}, rows["o3"].Others)
}

func TestWhatComesFromACacheIsNoRate(t *testing.T) {
	in, out := office(t, "cache.depth", "1")
	first := observer(t, out, Config{})
	p := publisher(t, in, "early")
	require.NoError(t, p.Publish("kept", "", []byte("1")))
	total(t, first, 0, 1)

	o := observer(t, out, Config{})
	rows := total(t, o, 0, 1)
	require.Equal(t, uint64(1), rows["kept"].Cached)
	require.Zero(t, rows["kept"].Count)
	require.Zero(t, rows["kept"].Delay.N, "its age is not a delay")
}

func TestComponentsAreHeardUnderHermes(t *testing.T) {
	in, out := office(t)
	o := observer(t, out, Config{Components: true})
	p := publisher(t, in, "self")
	require.NoError(t, p.Publish("$hermes/publisher/a%2Fb/stats", "a/b", p.StatsJSON()))
	require.NoError(t, p.Publish("news", "", []byte("1")))
	rows := total(t, o, 0, 1)
	require.NotContains(t, rows, "$hermes/publisher/a%2Fb/stats")
	list := o.Components()
	require.Len(t, list, 1)
	require.Equal(t, "a/b", list[0].Name)
	require.True(t, list[0].Now.Publisher.Ready)
}

func TestAStoppedReceiverEndsTheObserver(t *testing.T) {
	_, out := office(t)
	o := observer(t, out, Config{})
	o.Close()
	_, err := o.Sample()
	require.Equal(t, core.ESTOPPED, core.CodeOf(err))
}

// An observer whose clock of the processor runs as fast as that on the wall unsubscribes for
// half of the time, and does not take what it has missed for lost.
func TestABusyObserverPauses(t *testing.T) {
	in, out := office(t)
	began := time.Now()
	o := observer(t, out, Config{CPU: 0.5, CPUTime: func() time.Duration { return time.Since(began) }})
	p := publisher(t, in, "flood")
	testkit.Eventually(t, func() bool {
		require.NoError(t, p.Publish("t", "", []byte("1")))
		o.mu.Lock()
		defer o.mu.Unlock()
		return !o.pausedAt.IsZero()
	}, "it pauses")
	s, err := o.Sample()
	require.NoError(t, err)
	testkit.Eventually(t, func() bool {
		require.NoError(t, p.Publish("t", "", []byte("1")))
		time.Sleep(time.Millisecond)
		s, err = o.Sample()
		require.NoError(t, err)
		return s.Observed < s.Elapsed
	}, "a sample has a gap")
	require.Zero(t, s.Lost)
	require.False(t, s.Exact())
	require.Contains(t, s.Note(), "sampled")
	require.True(t, p.Stats().Ready, "its publisher still has a subscriber")
}
