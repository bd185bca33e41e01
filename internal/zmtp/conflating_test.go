package zmtp

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// A queue that conflates takes about as much memory as its bound, whatever the messages are.
func TestAConflatingQueueKeepsLittleMemoryAlive(t *testing.T) {
	for _, c := range []struct {
		size, topics, batch int
		bound               int64
		rare                int // every so many messages one has a topic of its own
	}{
		{100, 1000, 100, 16 << 20, 0},
		{100, 1000, 1, 100 << 10, 0},      // near the bound
		{100, 10, 100, 4 << 20, 500},      // old ones that stay, one in each arena
		{30_000, 100, 2, 8 << 20, 0},      // a part of an arena
		{1 << 20, 5, 1, 8 << 20, 0},       // an arena each
		{1 << 20, 100, 1, 8 << 20, 0},     // more topics than room
		{10, 200_000, 2000, 256 << 20, 0}, // bounded by messages
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			const messages = 50_000
			before := heapBytes()
			d := newDrivenQueue(t, carrier.LatestPerTopic, messages, c.bound)
			total := min(int64(messages*4), 4*c.bound/int64(c.size)+4*int64(c.topics))
			for at := 0; at < int(total); at += c.batch {
				b := batch.Get()
				for i := at; i < at+c.batch; i++ {
					topic := i * 7 % c.topics
					if c.rare > 0 && i%c.rare == 0 {
						topic = c.topics + i
					}
					b.AppendFrame(fmt.Append(nil, topic), true)
					b.AppendFrame(make([]byte, c.size), false)
				}
				require.Equal(t, c.batch, d.send(b).Sent)
				b.Release()
			}
			if _, size := d.out.queued(); c.bound < int64(c.topics*c.size) && c.size > 1000 {
				require.Greater(t, size, c.bound/2)
			}
			entries := int64(min(c.topics, messages)) * 2 * queue.EntryBytes
			require.Less(t, heapBytes()-before, c.bound+c.bound/4+4<<20+entries)
			require.Positive(t, d.out.kill())
		})
	}
}

// Where all topics have a place, messages that replace each other make no garbage.
func TestConflatingAllocatesNothing(t *testing.T) {
	d := newDrivenQueue(t, carrier.LatestPerTopic, 1000, 1<<20)
	b := &batch.Batch{}
	for i := range 500 {
		tick(b, fmt.Sprintf(`"ticks/%d"`, i))
	}
	f := fanOut{b: b, outcomes: make([]outcome, b.Len())}
	for range 10 {
		f.sendTo(d.conn)
	}
	require.True(t, d.out.backlog.conflating.on)
	per := testing.AllocsPerRun(200, func() { f.sendTo(d.conn) })
	if !invariants.Enabled { // ranked locks allocate
		require.Less(t, per, 5.0, "for 500 messages; what a collected pool costs now and then")
	}
	require.Zero(t, d.describe(0).DroppedOld)
}

// A queue that has drained works as before it was full, and keeps nothing.
func TestAConflatingQueueBecomesPlainAgain(t *testing.T) {
	d := newDrivenQueue(t, carrier.LatestPerTopic, 100, 1<<20)
	for range 3 {
		require.Equal(t, 60, d.send(numbered("a", 0, 60)).Sent)
	}
	require.True(t, d.out.backlog.conflating.on)
	for d.out.backlog.messages > 20 {
		d.begin(t)
		d.end(t, len(d.inFlight))
	}
	require.False(t, d.out.backlog.conflating.on)
	require.Zero(t, d.out.backlog.conflating.newest.Len())
	conflated := d.out.backlog.conflated
	require.Equal(t, 30, d.send(numbered("a", 30, 60)).Sent)
	require.Equal(t, conflated, d.out.backlog.conflated, "there is room for two of a topic")
}

func TestAStalledPeerGetsTheLatestOfEachTopic(t *testing.T) {
	const bound, topics = 1000, 300
	o := newOutlet(t, carrier.LatestPerTopic, bound, bind("tcp://127.0.0.1:*"))
	slow, quick := &gatedSink{}, &gatedSink{}
	slow.keep = true
	slow.close()
	openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	openGated(t, quick, dial(o.address()))
	testkit.Eventually(t, func() bool { p := o.Peers(); return len(p) == 2 && p[1].Subscriptions == 1 }, "two peers")
	round := 0
	testkit.Repeat(t, "messages are removed", func() bool {
		b := batch.Get()
		for i := range topics {
			b.AppendFrame(fmt.Append(nil, i), true)
			b.AppendFrame(fmt.Append(nil, round), false)
		}
		require.Equal(t, topics, o.Send(b).Sent)
		b.Release()
		round++
		testkit.Eventually(t, func() bool { return quick.len() == topics*round }, "the quick one gets everything")
		return o.Peers()[0].DroppedConflated > 20_000
	})
	p := o.Peers()
	require.Zero(t, p[0].DroppedOld, "there is room for all topics")
	require.Zero(t, p[1].Dropped)
	slow.open()
	slow.sink.wait(t, topics*round-int(p[0].Dropped))
	last := map[string]int{}
	for _, msg := range slow.got() {
		n, err := strconv.Atoi(msg[1])
		require.NoError(t, err)
		if before, known := last[msg[0]]; known {
			require.Less(t, before, n)
		}
		last[msg[0]] = n
	}
	require.Len(t, last, topics)
	for topic, n := range last {
		require.Equal(t, round-1, n, topic)
	}
}

// BenchmarkFullQueue adds messages to the queue of a stalled peer that is full.
func BenchmarkFullQueue(b *testing.B) {
	const places = 10_000
	for _, overflow := range []carrier.Overflow{carrier.Drop, carrier.DropOld, carrier.LatestPerTopic} {
		for _, topics := range []int{10, places / 2, 2 * places} {
			for _, size := range []int{1, 100} {
				b.Run(fmt.Sprintf("%s/topics=%d/batch=%d", overflow, topics, size), func(b *testing.B) {
					benchFullQueue(b, overflow, places, topics, size)
				})
			}
		}
	}
}

func benchFullQueue(b *testing.B, overflow carrier.Overflow, places, topics, size int) {
	d := newDrivenQueue(b, overflow, places, 1<<30)
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf(`"ticks/%d"`, i)
	}
	next := 0
	f := fanOut{outcomes: make([]outcome, size)}
	send := func() {
		f.b = batch.Get()
		for range size {
			tick(f.b, names[next%topics])
			next++
		}
		f.sendTo(d.conn)
		f.b.Release()
	}
	for next < 3*places {
		send()
	}
	next = 0
	b.ReportAllocs()
	b.ResetTimer()
	for next < b.N {
		send()
	}
}
