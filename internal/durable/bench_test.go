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
// is with one.
//
//	go test ./internal/durable -run xxx -bench Publish -count 5
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("durable/%d", size), func(b *testing.B) { benchDurable(b, size) })
		b.Run(fmt.Sprintf("nats-ids/%d", size), func(b *testing.B) { benchNATS(b, size, true) })
		b.Run(fmt.Sprintf("nats-plain/%d", size), func(b *testing.B) { benchNATS(b, size, false) })
	}
}

func benchDurable(b *testing.B, size int) {
	x := join(b, "a", startEngine(b).url(), nil).ready()
	messages := benchBatch(b, size)
	b.SetBytes(int64(messages.Size() / messages.Len()))
	b.ResetTimer()
	number := uint32(0)
	for n := b.N; n > 0; {
		if x.Stats().Waiting > 20_000 { // the bound is 100,000
			time.Sleep(100 * time.Microsecond)
			continue
		}
		for i := range messages.Len() {
			wire.Number(messages, i, wire.Sequence{Incarnation: 1, Number: number})
			number++
		}
		x.Send(messages, nil, nil)
		n -= messages.Len()
	}
	x.flush()
	b.StopTimer()
	require.Zero(b, x.Stats().Resent)
	require.Equal(b, uint64(number), x.Stats().Out)
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
	for i := range b.N {
		var o []jetstream.PublishOpt
		if ids {
			o = append(o, jetstream.WithMsgID(fmt.Sprintf("e%034d", i)))
		}
		if _, err := js.PublishAsync("test.d.orders.bench", messages.Message(0), o...); err != nil {
			b.Fatal(err)
		}
	}
	testkit.Receive(b, js.PublishAsyncComplete(), "all acknowledgements")
}
