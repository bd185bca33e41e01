package sendqueue

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// tick is the data of envelope i, as the race of bench/ has it.
func tick(i int) []byte {
	return fmt.Appendf(nil, `["Tick",1763800000.%06d,"BTCUSD",420%02d.%02d,%d]`, i, i%100, i%4*25, 1_000_000_000+i)
}

// BenchmarkStampAndNumber is what the sender does to batches of so many topics in turn.
func BenchmarkStampAndNumber(b *testing.B) {
	for _, topics := range []int{10, 1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(topics), func(b *testing.B) { stampAndNumber(b, topics) })
	}
}

func stampAndNumber(b *testing.B, topics int) {
	const ticks = 500
	var batches []*batch.Batch
	for i := 0; i < max(topics, ticks); i += ticks {
		full := batch.Get()
		for k := range ticks {
			if err := wire.Append(full, fmt.Sprintf("ticks/%06d", (i+k)%topics), []byte(`"p000"`), tick(i+k), true); err != nil {
				b.Fatal(err)
			}
		}
		batches = append(batches, full)
	}
	n := sequencer{draw: rand.Uint32}
	n.renew()
	for _, full := range batches {
		n.number(full)
	}
	work := batch.Get()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		full := batches[i%len(batches)]
		b.StopTimer()
		work.Reset()
		work.Buf, work.Ends = append(work.Buf, full.Buf...), append(work.Ends, full.Ends...) // in the caches, as one that was just written
		b.StartTimer()
		wire.Stamp(work, time.Now().UnixMicro(), true)
		n.number(work)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/ticks, "ns/envelope")
}

// BenchmarkPut queues envelopes; what has been queued is taken and settled now and then.
func BenchmarkPut(b *testing.B) {
	q := &Queue{}
	q.Init(rand.Uint32)
	q.Start(Config{Numbered: true, Bound: func() queue.Bound { return queue.Bound{Messages: 1 << 30, Bytes: 1 << 40} }})
	origin, data := []byte(`"p000"`), tick(1)
	b.ReportAllocs()
	for i := range b.N {
		if _, err := Put(q, "ticks/000001", origin, data, Form{}); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 0 {
			for t := q.Take(); t != nil; t = q.Take() {
				q.Settle(t, carrier.Tally{Sent: t.Len()})
			}
		}
	}
}
