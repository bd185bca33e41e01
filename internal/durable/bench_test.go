package durable

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// BenchmarkPublish compares a durable topic, from Send through the backlog to the acknowledgement,
// with the asynchronous publishing of nats.go to a stream like it: messages of the same size, the
// same number under way. "plain" is without Nats-Msg-Id, so JetStream looks for no copies; "ids"
// is with one. "reading" is with the receiver of the site, which skips its own messages.
//
//	go test ./internal/durable -run xxx -bench Publish -count 5
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("durable/%d", size), func(b *testing.B) { benchDurable(b, size, false) })
		b.Run(fmt.Sprintf("durable-reading/%d", size), func(b *testing.B) { benchDurable(b, size, true) })
		b.Run(fmt.Sprintf("nats-ids/%d", size), func(b *testing.B) { benchNATS(b, size, true) })
		b.Run(fmt.Sprintf("nats-plain/%d", size), func(b *testing.B) { benchNATS(b, size, false) })
	}
}

// reportProcessor reports the processor time of one: on a machine with other work it tells more than
// the time of day.
func reportProcessor(b *testing.B, before time.Duration) {
	b.ReportMetric(float64(testkit.ProcessorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func benchDurable(b *testing.B, size int, receives bool) {
	x := join(b, "a", startEngine(b).url(), func(c *Config) { c.Topics[0].SendOnly = !receives })
	messages := benchBatch(b, size)
	x.Send(messages, false, nil, nil)
	x.flush() // there is a stream
	b.SetBytes(int64(messages.Size() / messages.Len()))
	b.ResetTimer()
	before := testkit.ProcessorTime(b)
	number := uint32(0)
	for n := b.N; n > 0; {
		if x.Stats().Waiting > 2*DefaultWindow {
			time.Sleep(100 * time.Microsecond)
			continue
		}
		for i := range messages.Len() {
			wire.Number(messages, i, wire.Sequence{Incarnation: 1, Number: number})
			number++
		}
		x.Send(messages, false, nil, nil)
		n -= messages.Len()
	}
	x.flush()
	b.StopTimer()
	reportProcessor(b, before)
	require.Zero(b, x.Stats().Resent)
	require.Equal(b, uint64(number)+uint64(messages.Len()), x.Stats().Out)
}

// benchBatch is envelopes of one topic that have about this size.
func benchBatch(b *testing.B, size int) *batch.Batch {
	b.Helper()
	one := batch.Get()
	data := func(n int) []byte { return fmt.Appendf(nil, `"%0*d"`, n, 0) }
	require.NoError(b, wire.Append(one, "orders/bench", []byte(`"origin"`), data(1), true))
	pad := max(size-one.Size(), 1)
	all := batch.Get()
	for !all.Full() && all.Len() < 64 {
		require.NoError(b, wire.Append(all, "orders/bench", []byte(`"origin"`), data(pad), true))
	}
	wire.Stamp(all, time.Now().UnixMicro(), true)
	return all
}

func benchNATS(b *testing.B, size int, ids bool) {
	e := startEngine(b)
	nc := dial(b, e.url())
	testkit.Eventually(b, nc.IsConnected, "NATS is connected")
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(DefaultWindow))
	require.NoError(b, err)
	st, err := newStream(testSpace(b), Topics{Prefix: "orders/"})
	require.NoError(b, err)
	_, err = st.ensure(context.Background(), &line{nc: nc, js: js})
	require.NoError(b, err)
	messages := benchBatch(b, size)
	b.SetBytes(int64(messages.Size() / messages.Len()))
	b.ResetTimer()
	before := testkit.ProcessorTime(b)
	defer func() { reportProcessor(b, before) }()
	for i := range b.N {
		o := []jetstream.PublishOpt{jetstream.WithStallWait(testkit.Soon)}
		if ids {
			o = append(o, jetstream.WithMsgID(fmt.Sprintf("e%034d", i)))
		}
		if _, err := js.PublishAsync("test.d.orders.bench", messages.Message(0), o...); err != nil {
			b.Fatal(err)
		}
	}
	testkit.Receive(b, js.PublishAsyncComplete(), "all acknowledgements")
}
