package core

import (
	"fmt"
	"testing"
)

// BenchmarkEndToEnd moves envelopes through a post office, all in one process.
func BenchmarkEndToEnd(b *testing.B) {
	for _, engine := range carriers.Names() {
		b.Run(engine, func(b *testing.B) {
			po := newOffice(b, engine)
			r := newReceiver(b, engine, get(b, po, "endpoint.out"), "on_slow", "ignore")
			p := newPublisher(b, engine, get(b, po, "endpoint.in"), "queue.block", "1m")
			if err := p.WaitReady(soon); err != nil {
				b.Fatal(err)
			}
			data := []byte(`["BTCUSD", 6543.21, 1.25, "bid", 1517670000.123456]`)
			b.ReportAllocs()
			b.ResetTimer()
			go func() {
				for range b.N {
					if err := p.Publish("ticks/BTCUSD/bitfinex", "bitfinex", data); err != nil {
						panic(fmt.Sprint(err))
					}
				}
			}()
			for n := 0; n < b.N; {
				d, err := r.Take(1000, soon)
				if err != nil {
					b.Fatal(err, string(r.StatsJSON()))
				}
				n += d.Len()
				d.Release()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "envelopes/s")
		})
	}
}
