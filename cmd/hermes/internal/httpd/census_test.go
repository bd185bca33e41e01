package httpd

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/relay"
)

// messages is a batch with one message of each topic, each of one size.
func messages(t testing.TB, origin string, topics ...string) *batch.Batch {
	t.Helper()
	b := batch.Get()
	for _, topic := range topics {
		for _, f := range []string{topic, origin, "1"} {
			b.AppendFrame([]byte(f), true)
		}
		b.AppendFrame([]byte("1517670000.5"), false)
	}
	t.Cleanup(b.Release)
	return b
}

func TestTopicsAndOriginsAreCounted(t *testing.T) {
	c := &census{tap: &relay.Tap{}}
	c.begin()
	b := messages(t, `"me"`, `"a"`, `"b"`, `"a"`)
	c.see(1, b)
	other := messages(t, `"\u00fc"`, `"a"`)
	c.see(1, other)
	c.see(2, messages(t, "5", `not JSON`))
	r := c.take(time.Now())
	require.True(t, r.Exact)
	require.Equal(t, 3, r.Count)
	require.Equal(t, "a", r.Topics[0].Topic)
	require.InDelta(t, 3, r.Topics[0].Messages, 0)
	require.InDelta(t, b.Size()/3*2+other.Size(), r.Topics[0].Bytes, 0)
	require.Equal(t, "not JSON", r.Topics[2].Topic)
	require.Equal(t, map[string][]string{"1": {"me", "ü"}, "2": {"5"}}, r.Origins)
	r = c.take(time.Now())
	require.Empty(t, r.Topics)
	require.Len(t, r.Origins, 2, "they stay")
}

// TestAPartIsLookedAtWhereMuchPasses: the numbers that it gives are about right.
func TestAPartIsLookedAtWhereMuchPasses(t *testing.T) {
	c := &census{tap: &relay.Tap{}}
	c.begin()
	topics := make([]string, 100)
	for i := range topics {
		topics[i] = fmt.Sprintf(`"t%d"`, i%4)
	}
	b := messages(t, `"me"`, topics...)
	const batches = 8_000
	for range 2 { // the first interval finds out how much passes
		for range batches {
			c.see(1, b)
		}
		c.take(c.began.Add(time.Second))
	}
	require.Less(t, c.part.Load(), uint32(math.MaxUint32/20))
	for range batches {
		c.see(1, b)
	}
	counted := c.counted
	require.Less(t, counted, int64(2*censusRate+100))
	r := c.take(c.began.Add(time.Second))
	require.False(t, r.Exact)
	require.Len(t, r.Topics, 4)
	for _, topic := range r.Topics {
		require.InDelta(t, batches*25, topic.Messages, 1, "each batch has as many of each")
	}
}

func TestTheTablesAreBounded(t *testing.T) {
	c := &census{tap: &relay.Tap{}}
	c.begin()
	for i := range censusTopics + 500 {
		c.see(uint64(i), messages(t, fmt.Sprintf(`"o%d"`, i), fmt.Sprintf(`"t%d"`, i)))
		c.see(7, messages(t, fmt.Sprintf(`"p%d"`, i), `"often"`))
	}
	c.see(7, messages(t, `"me"`, `"`+strings.Repeat("x", censusLength)+`"`))
	r := c.take(time.Now())
	require.Equal(t, censusTopics, r.Count)
	require.Len(t, r.Topics, shownTopics)
	require.Equal(t, "often", r.Topics[0].Topic)
	total := r.Others.Messages
	for _, topic := range r.Topics {
		total += topic.Messages
	}
	require.InDelta(t, 2*(censusTopics+500)+1, total, 0, "nothing is left out of the sum")
	require.Len(t, r.Origins, censusPeers)
	require.Len(t, r.Origins["7"], censusOrigins)
}

func TestLongTopicsAreNotKept(t *testing.T) {
	c := &census{tap: &relay.Tap{}}
	c.begin()
	c.see(1, messages(t, `"me"`, `"`+strings.Repeat("x", censusLength-2)+`"`, `"`+strings.Repeat("x", censusLength-1)+`"`))
	r := c.take(time.Now())
	require.Equal(t, 1, r.Count)
	require.InDelta(t, 1, r.Others.Messages, 0, "it is counted")
}

func TestNothingIsCountedAfterTheEnd(t *testing.T) {
	c := &census{tap: &relay.Tap{}}
	c.begin()
	c.end()
	c.see(1, messages(t, `"me"`, `"a"`)) // a batch that was on its way
	require.Nil(t, c.topics)
}

func TestNamesAreShownShortened(t *testing.T) {
	require.Equal(t, "a", shown([]byte(`"a"`)))
	require.Equal(t, "", shown(nil))
	long := shown([]byte(`"` + strings.Repeat("x", 500) + `"`))
	require.Equal(t, strings.Repeat("x", shownName)+"…", long)
	require.Equal(t, "\"\xff", shown([]byte("\"\xff")), "JSON makes it U+FFFD")
}

func BenchmarkCensus(b *testing.B) {
	c := &census{tap: &relay.Tap{}}
	c.begin()
	topics := make([]string, 100)
	for i := range topics {
		topics[i] = fmt.Sprintf(`"ticks/EUR%d"`, i)
	}
	m := messages(b, `"me"`, topics...)
	for b.Loop() {
		c.counted = 0
		c.see(1, m)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/message")
}
