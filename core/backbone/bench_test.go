package backbone_test

import (
	"bytes"
	"fmt"
	"testing"

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
		_, err := r.Recv(soon)
		require.NoError(b, err)
	}
	b.StopTimer()
	lossless(b, r)
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
