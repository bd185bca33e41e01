package recording

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/admission"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// processor reports the processor time of one envelope: on a machine that does other things it
// says more than the time that has passed.
func processor(b *testing.B) (end func()) {
	before := testkit.ProcessorTime(b)
	return func() { b.ReportMetric(float64(testkit.ProcessorTime(b)-before)/float64(b.N), "cpu-ns/op") }
}

// BenchmarkRecorder records batches of envelopes as they come under load, admission included: beside
// a tap that does nothing, the difference is the cost of recording. One op is one envelope.
func BenchmarkRecorder(b *testing.B) {
	const each = 400
	batches := make([]*batch.Batch, 64)
	for i := range batches {
		batches[i] = batch.Get()
		for j := range each {
			n := i*each + j
			batches[i].AppendMessage(numberedMessage(fmt.Sprintf("ticks/%02d", n%20), 7, uint32(n/20), fmt.Sprintf(`{"price": %d.%02d, "size": %d, "side": "buy"}`, n%977, n%89, n%31)))
		}
	}
	run := func(b *testing.B, s *source) {
		b.SetBytes(int64(batches[0].Size() / each))
		for i := range b.N/each + 1 {
			c := batches[i%len(batches)]
			for j := range c.Len() { // a time of its own for each batch, and numbers that go on
				n := uint32(i*each+j) / 20
				wire.Number(c, j, wire.Sequence{Incarnation: 7, Number: n})
			}
			wire.Stamp(c, time.Now().UnixMicro(), true)
			s.control.Deliver(c)
		}
		s.control.End()
	}
	b.Run("null", func(b *testing.B) {
		defer processor(b)()
		run(b, newSource(func(*batch.Batch, []recvqueue.Record) {}))
	})
	for _, compression := range []string{mcap.None, mcap.Zstd} {
		b.Run("file"+compression, func(b *testing.B) {
			r := record(b, Config{Name: filepath.Join(b.TempDir(), "a.mcap"), Compression: compression, Flush: time.Second})
			b.ResetTimer()
			defer processor(b)()
			run(b, r.source)
			p, err := r.Close()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(p.Bytes)/float64(p.Envelopes), "disk-B/op")
		})
	}
}

// BenchmarkOverTCP publishes, over TCP on this machine, to a receiver that records, and to one whose
// tap only counts. One op is one envelope; publisher and receiver share the processors.
func BenchmarkOverTCP(b *testing.B) {
	run := func(b *testing.B, tap admission.Tap) {
		receiver, err := core.NewReceiver("@tcp://127.0.0.1:*", "recorder")
		require.NoError(b, err)
		defer receiver.Close()
		require.NoError(b, receiver.Set("on_slow", "ignore"))
		embed.ReceiverOf(receiver).SetTap(tap)
		require.NoError(b, receiver.Start())
		at, err := receiver.Get("endpoint")
		require.NoError(b, err)
		publisher, err := core.NewPublisher(at, "publisher")
		require.NoError(b, err)
		defer publisher.Close()
		require.NoError(b, publisher.Start())
		require.NoError(b, publisher.WaitReady(soon))
		b.ResetTimer()
		defer processor(b)()
		topics := make([][]byte, 20)
		for i := range topics {
			topics[i] = fmt.Appendf(nil, "ticks/%02d", i)
		}
		var data []byte
		for i := range b.N {
			data = fmt.Appendf(data[:0], `{"price": %d.%02d, "size": %d, "side": "buy"}`, i%977, i%89, i%31)
			if err := publisher.PublishBytes(topics[i%20], nil, data); err != nil {
				b.Fatal(err)
			}
		}
		require.NoError(b, publisher.Stop(soon))
		for receiver.Stats().Arrived < uint64(b.N) {
			time.Sleep(time.Millisecond)
		}
		require.NoError(b, receiver.Stop(soon))
	}
	b.Run("null", func(b *testing.B) { run(b, func(*batch.Batch, []recvqueue.Record) {}) })
	b.Run("file", func(b *testing.B) {
		r := record(b, Config{Name: filepath.Join(b.TempDir(), "a.mcap"), Compression: mcap.Zstd, Flush: time.Second})
		run(b, r.Tap())
		p, err := r.Close()
		require.NoError(b, err)
		require.EqualValues(b, b.N, p.Envelopes)
	})
}
