package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// ticks is a batch as the race of bench/ has them: ten topics in turn.
func ticks(n int) *batch.Batch {
	b := batch.Get()
	for i := range n {
		data := fmt.Appendf(nil, `["Tick",1763800000.%06d,"BTCUSD",420%02d.%02d,%d]`, i, i%100, i%4*25, 1_000_000_000+i)
		if err := wire.Append(b, fmt.Sprintf("ticks/%06d", i%10), []byte(`"p000"`), data, true); err != nil {
			panic(err)
		}
	}
	return b
}

const ticksInBatch = 400

// BenchmarkArrival checks, queues and takes.
func BenchmarkArrival(b *testing.B) {
	r, err := NewReceiver("tcp://127.0.0.1:1", "r")
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Set("on_slow", "ignore"); err != nil {
		b.Fatal(err)
	}
	r.inbox.open(queue.DropNew)
	r.arrival.begin()
	t := ticks(ticksInBatch)
	var texts int
	var number uint32
	b.ReportAllocs()
	for range b.N {
		b.StopTimer()
		wire.Stamp(t, time.Now().UnixMicro(), true)
		for i := range t.Len() { // the streams are ten topics in turn
			wire.Number(t, i, wire.Sequence{Incarnation: 7, Number: number + uint32(i/10)})
		}
		number += ticksInBatch / 10
		b.StartTimer()
		r.deliver(t)
		d, err := r.Take(1000, 0)
		if err != nil {
			b.Fatal(err)
		}
		for i := range d.Len() {
			v := d.At(i)
			texts += len(v.Topic) + len(v.Data)
		}
		d.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/ticksInBatch, "ns/envelope")
}
