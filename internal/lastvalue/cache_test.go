package lastvalue

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// letter is an envelope in a batch of its own.
func letter(topic, data string) *batch.Batch {
	b := &batch.Batch{}
	for i, f := range []string{`"` + topic + `"`, `"o"`, data, "1517670000.5"} {
		b.AppendFrame([]byte(f), i < 3)
	}
	return b
}

// recalled is what a new receiver gets, by topic.
func recalled(t testing.TB, l *Cache, prefix string, has ...string) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	follows := func(topic []byte) bool {
		for _, p := range has {
			if strings.HasPrefix(string(topic), p) {
				return true
			}
		}
		return false
	}
	l.Recall(carrier.Peer{Type: "SUB", Hermes: "2"}, []byte(prefix), follows, func(b *batch.Batch) int {
		for i := range b.Len() {
			p, err := wire.Split(b.Message(i), &wire.StreamMemo{})
			require.NoError(t, err)
			require.True(t, p.Cached)
			topic := strings.Trim(string(p.Topic), `"`)
			got[topic] = append(got[topic], string(p.Data))
		}
		return b.Len()
	})
	return got
}

// TestACacheAgainstAModel drives a cache and a plain model of it at random, and
// checks its counters as well.
func TestACacheAgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for depth := 1; depth < 6; depth++ {
		l := New(Config{Depth: depth, Bytes: 1 << 30, Prefixes: [][]byte{{}}})
		model := map[string][]string{}
		kept := 0
		for i := range 1000 {
			topic := fmt.Sprintf("%c/%d", "ab"[random.IntN(2)], random.IntN(20))
			data := fmt.Sprintf(`"%d%s"`, i, strings.Repeat("x", random.IntN(2)*random.IntN(40_000)))
			l.Keep(letter(topic, data))
			kept -= len(model[topic])
			model[topic] = append(model[topic], data)
			model[topic] = model[topic][max(0, len(model[topic])-depth):]
			kept += len(model[topic])
			if i%50 > 0 {
				continue
			}
			require.Equal(t, model, recalled(t, l, ""))
			under := recalled(t, l, `"a/1`, `"a/12`)
			for topic := range model {
				if strings.HasPrefix(topic, "a/1") && !strings.HasPrefix(topic, "a/12") {
					require.Equal(t, model[topic], under[topic])
					delete(under, topic)
				}
			}
			require.Empty(t, under)
			require.EqualValues(t, kept, l.counters.CacheMessages)
			require.EqualValues(t, len(model), l.counters.CacheTopics)
			audit(t, l)
		}
	}
}

// audit adds up what a cache says it holds.
func audit(t testing.TB, l *Cache) {
	t.Helper()
	var bytes int64
	topics, messages := 0, 0
	for v, last := l.oldest, (*topicValues)(nil); v != nil; v, last = v.newer, v {
		require.True(t, v.older == last)
		require.True(t, l.topics[v.topic] == v)
		require.Equal(t, 1, l.index.Count([]byte(v.topic)))
		cost := topicCost + 3*int64(len(v.topic))
		for i := range v.ring {
			cost += v.ring[i].cost()
		}
		require.Equal(t, cost, v.cost)
		require.Positive(t, len(v.ring))
		topics, messages, bytes = topics+1, messages+len(v.ring), bytes+cost
	}
	require.Equal(t, len(l.topics), topics)
	require.Equal(t, l.index.Len(), topics)
	require.EqualValues(t, topics, l.counters.CacheTopics)
	require.EqualValues(t, messages, l.counters.CacheMessages)
	require.Equal(t, bytes, l.counters.CacheBytes)
	require.LessOrEqual(t, bytes, l.Bytes)
}

// TestAFullCacheForgetsTheTopicSilentForLongest: topics come and go, sizes vary,
// and the limit holds after each envelope.
func TestAFullCacheForgetsTheTopicSilentForLongest(t *testing.T) {
	const size = 1000
	room := func(topics int) int64 { return int64(topics) * (topicCost + 3*3 + valueCost + size + 200) }
	l := New(Config{Depth: 1, Bytes: room(3), Prefixes: [][]byte{{}}})
	body := `"` + strings.Repeat("x", size) + `"`
	for _, topic := range []string{"a", "b", "c", "a", "d"} {
		l.Keep(letter(topic, body))
		audit(t, l)
	}
	require.Equal(t, map[string][]string{"a": {body}, "c": {body}, "d": {body}}, recalled(t, l, ""), "b was the oldest")
	require.EqualValues(t, 1, l.counters.CacheEvicted)

	l.Keep(letter("d", `"`+strings.Repeat("x", 2*size)+`"`))
	require.Len(t, recalled(t, l, ""), 2, "c made room for a bigger value")
	l.Keep(letter("a", `"`+strings.Repeat("x", 5*size)+`"`))
	audit(t, l)
	require.Len(t, recalled(t, l, ""), 1, "one that does not fit is not kept, nor is its outdated predecessor")

	random := rand.New(rand.NewPCG(3, 4))
	deep := New(Config{Depth: 50, Bytes: 1 << 16, Prefixes: [][]byte{{}}})
	for range 5000 {
		deep.Keep(letter(fmt.Sprint(random.IntN(5)), fmt.Sprintf(`"%*d"`, 1+random.IntN(100)*random.IntN(300), 1)))
		if random.IntN(50) == 0 {
			audit(t, deep)
		}
	}
	require.NotZero(t, deep.counters.CacheEvicted)
}

// TestOneDeepTopicKeepsWithinTheLimit: with no other topic to make room, its own
// oldest envelopes go.
func TestOneDeepTopicKeepsWithinTheLimit(t *testing.T) {
	l := New(Config{Depth: 1000, Bytes: 10_000, Prefixes: [][]byte{{}}})
	for i := range 500 {
		l.Keep(letter("a", fmt.Sprint(i)))
		audit(t, l)
	}
	got := recalled(t, l, "")["a"]
	require.Greater(t, len(got), 20)
	for i, v := range got {
		require.Equal(t, fmt.Sprint(500-len(got)+i), v)
	}
}

func TestInvalidEnvelopesAreNotKept(t *testing.T) {
	l := New(Config{Depth: 1, Bytes: 1 << 20, Prefixes: [][]byte{{}}})
	b := &batch.Batch{}
	b.AppendFrame([]byte("a"), false)
	b.AppendFrame(nil, false)
	for i := range 5 {
		b.AppendFrame([]byte("1"), i < 4)
	}
	for i := range 4 {
		b.AppendFrame([]byte("x"), i < 3)
	}
	l.Keep(b)
	require.Zero(t, l.counters.CacheTopics)
	audit(t, l)
}

// TestTheCacheCostsWhatItSays: a flood of topics, each new, takes no more memory than
// the limit says.
func TestTheCacheCostsWhatItSays(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const limit = 8 << 20
	for _, size := range []int{1, 100, 3000, 100_000} {
		l := New(Config{Depth: 2, Bytes: limit, Prefixes: [][]byte{{}}})
		before := heap()
		body := `"` + strings.Repeat("x", size) + `"`
		for i := range max(30_000_000/(size+1000), 200) {
			l.Keep(letter(fmt.Sprintf("some/topic/of/a/flood/%d", i), body))
		}
		audit(t, l)
		require.NotZero(t, l.counters.CacheEvicted)
		require.Less(t, heap()-before, int64(limit)*5/4, "envelopes of %d bytes", size)
		runtime.KeepAlive(l)
	}
}

func BenchmarkKeep(b *testing.B) {
	l := New(Config{Depth: 1, Bytes: 64 << 20, Prefixes: [][]byte{{}}})
	full := &batch.Batch{}
	for i := range 500 {
		full.AppendMessage(letter(fmt.Sprintf("ticks/%d", i%100), `["Tick", 1517670000.5, 42000, 0.5]`).Buf)
	}
	b.ReportAllocs()
	for i := 0; i < b.N; i += full.Len() {
		l.Keep(full)
	}
}

// TestSystemTopicsAreKeptAndGivenWhereTheyAreNamed: everything is without them.
func TestSystemTopicsAreKeptAndGivenWhereTheyAreNamed(t *testing.T) {
	all := New(Config{Depth: 1, Bytes: 1 << 20, Prefixes: [][]byte{{}}})
	named := New(Config{Depth: 1, Bytes: 1 << 20, Prefixes: [][]byte{{}, []byte(`"$hermes/`)}})
	for _, c := range []*Cache{all, named} {
		c.Keep(letter("$hermes/a", "1"))
		c.Keep(letter("a", "1"))
		require.Equal(t, map[string][]string{"a": {"1"}}, recalled(t, c, ""))
	}
	require.Empty(t, recalled(t, all, `"$`))
	require.Equal(t, map[string][]string{"$hermes/a": {"1"}}, recalled(t, named, `"$`))
}
