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

// BenchmarkStampAndNumber is what the sender does to a batch of ten topics in turn.
func BenchmarkStampAndNumber(b *testing.B) {
	const ticks = 400
	full := batch.Get()
	for i := range ticks {
		if err := wire.Append(full, fmt.Sprintf("ticks/%06d", i%10), []byte(`"p000"`), tick(i), true); err != nil {
			b.Fatal(err)
		}
	}
	n := sequencer{draw: rand.Uint32}
	n.renew()
	b.ReportAllocs()
	for range b.N {
		wire.Stamp(full, time.Now().UnixMicro(), true)
		n.number(full)
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
