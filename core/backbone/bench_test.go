package backbone_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core/backbone"
)

// Messages of 100 bytes from a publisher at one site to a receiver at another, and the same with nats.go
// alone, through the same server.
func BenchmarkCrossing(b *testing.B) {
	for name, topics := range map[string]int{"one topic": 1, "changing topics": 16} {
		b.Run(name, func(b *testing.B) { crossing(b, topics) })
	}
	b.Run("nats.go", natsAlone)
}

func crossing(b *testing.B, topics int) {
	url := natsServer(b, &server.Options{}).ClientURL()
	from, to := newOffice(b), newOffice(b)
	large := backbone.Options{Servers: []string{url}, QueueMessages: b.N + 1, QueueBytes: 1 << 40}
	large.Site = "a"
	atA := join(b, from, large)
	large.Site = "b"
	join(b, to, large)
	r := newReceiver(b, to, "t")
	wanted(b, site{from, atA}, 1)
	p := newPublisher(b, from, "pub", "queue.block", soon.String())
	data := []byte(`"` + string(bytes.Repeat([]byte("x"), 98)) + `"`)
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("t/%d", i)
	}
	b.SetBytes(100)
	b.ResetTimer()
	go func() {
		for i := range b.N {
			_ = p.Publish(names[i%topics], "", data)
		}
	}()
	for range b.N {
		if _, err := r.Recv(soon); err != nil { // not by require, which looks up its caller each time
			b.Fatal(err)
		}
	}
	b.StopTimer()
	lossless(b, r)
}

// What a crossing adds to the delay at 1,000 messages a second: of each message, how much later than a
// receiver at the publisher's site one at another site gets it.
func BenchmarkCrossingDelay(b *testing.B) {
	url := natsServer(b, &server.Options{}).ClientURL()
	from, to := newOffice(b), newOffice(b)
	atA := join(b, from, backbone.Options{Servers: []string{url}, Site: "a"})
	join(b, to, backbone.Options{Servers: []string{url}, Site: "b"})
	near, far := newReceiver(b, from, "t"), newReceiver(b, to, "t")
	wanted(b, site{from, atA}, 1)
	p := newPublisher(b, from, "pub", "queue.block", soon.String())
	added := make([]float64, 0, b.N)
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	b.ResetTimer()
	go func() {
		for range b.N {
			<-pace.C
			_ = p.Publish("t/1", "", []byte("1"))
		}
	}()
	for range b.N {
		first, err := near.Recv(soon)
		require.NoError(b, err)
		second, err := far.Recv(soon)
		require.NoError(b, err)
		added = append(added, (second.Received-first.Received)*1e6)
	}
	b.StopTimer()
	lossless(b, near)
	lossless(b, far)
	slices.Sort(added)
	b.ReportMetric(added[len(added)/2], "added-p50-µs")
}

func natsAlone(b *testing.B) {
	url := natsServer(b, &server.Options{}).ClientURL()
	from, err := nats.Connect(url)
	require.NoError(b, err)
	defer from.Close()
	to, err := nats.Connect(url)
	require.NoError(b, err)
	defer to.Close()
	got := make(chan *nats.Msg, b.N)
	_, err = to.ChanSubscribe("t.>", got)
	require.NoError(b, err)
	require.NoError(b, to.Flush())
	data := bytes.Repeat([]byte("x"), 100)
	b.SetBytes(100)
	b.ResetTimer()
	go func() {
		for range b.N {
			_ = from.Publish("t.1", data)
		}
		_ = from.Flush()
	}()
	for range b.N {
		<-got
	}
}
