package zmtp

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

func TestEncryptingWithTLSTakesWholeRecords(t *testing.T) {
	client, server := tlsEnds(t)
	sink := &plainSink{}
	r := newTLSReader(server, sink)
	var want []byte
	for _, ranges := range [][]int{{10}, {5, 5, 5}, {tlsrecord.MaxContent}, {3*tlsrecord.MaxContent + 7, 9}, {1, 200_000}, {200_000, 1}, {0x10000}} {
		var queue [][]byte
		for n, size := range ranges {
			queue = append(queue, bytes.Repeat([]byte{byte('a' + n)}, size))
		}
		whole := bytes.Join(queue, nil)
		arena, plain, err := client.output().encrypt(queue)
		require.NoError(t, err)
		require.Equal(t, min(len(whole), tlsBytes), plain)
		want = append(want, whole[:plain]...)
		records := (plain+tlsrecord.MaxContent-1)/tlsrecord.MaxContent + 1 // a small one beside it
		require.LessOrEqual(t, len(arena.Buf), plain+records*22)
		require.NoError(t, preload(r, arena.Buf))
		arena.Release()
	}
	require.True(t, bytes.Equal(want, sink.got))
}

func TestSendingWithTLSAllocatesNothing(t *testing.T) {
	client, _ := tlsEnds(t)
	var codec = client.output()
	ranges := [][]byte{bytes.Repeat(numbered("yes", 0, 100).Buf, 20)}
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		arena, _, _ := codec.encrypt(ranges)
		arena.Release()
	}), 1.0)
}

// BenchmarkTLS sends ticks over one connection, in batches, with TLS and without. An operation is
// one message.
func BenchmarkTLS(b *testing.B) {
	a := testkit.NewAuthority(b)
	certificates := withTLS(b, mutual(a, "end"))
	for _, at := range []string{"tcp://127.0.0.1:*", "tls://127.0.0.1:*"} {
		b.Run(at[:3], func(b *testing.B) {
			var got atomic.Int64
			in, err := Opener{}.OpenInlet(carrier.InletConfig{
				Config:  config(carrier.SUB, []option{bind(at), certificates}),
				Deliver: func(b *batch.Batch) { got.Add(int64(b.Len())) },
			})
			require.NoError(b, err)
			defer in.Close()
			require.NoError(b, in.Subscribe(nil))
			o := newOutlet(b, carrier.Wait, 100_000, dial(in.Endpoints()[0]), certificates)
			o.eventLog.wait(b, carrier.Subscribed, 1)
			b.ReportAllocs()
			b.ResetTimer()
			for sent := 0; sent < b.N; {
				out := batch.Get()
				for range min(800, b.N-sent) {
					tick(out, "ticks/aapl")
				}
				sent += out.Len()
				o.Send(out)
				out.Release()
			}
			for got.Load() < int64(b.N) {
				time.Sleep(50 * time.Microsecond)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mmsg/s")
		})
	}
}
