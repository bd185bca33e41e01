package core

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABatchWithAnEnvelopeThatIsTooBigIsNotQueuedAtAll(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:9", "message.bytes", "100")
	n, err := p.PublishBatch([]byte(`[["a", null, 1], ["b", null, "` + strings.Repeat("x", 100) + `"]]`))
	code(t, ETOOBIG, err, "message.bytes")
	require.Zero(t, n)
	require.Zero(t, p.Stats().Accepted)
}

// TestWhatIsAcceptedIsNotTooBigForAPeer: a topic may grow sixfold on the wire, and a
// peer hangs up on what is above its limit.
func TestWhatIsAcceptedIsNotTooBigForAPeer(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		const limit = 4 << 20
		po := newOffice(t, engine, "message.bytes", "4MiB")
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "message.bytes", "4MiB", "on_slow", "ignore")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "message.bytes", "4MiB", "ready.hold", "30s")
		controls := func(n int) string { return strings.Repeat("\x01", n) }
		code(t, ETOOBIG, p.Publish(controls(1<<20), "", []byte("1")), "message.bytes")
		code(t, ETOOBIG, p.Publish("t", controls(1<<20), []byte("1")), "message.bytes")
		for _, topic := range []string{controls(shortTopic), strings.Repeat("x", limit/2), controls(limit/6 - 100)} {
			data := `"` + strings.Repeat("y", limit-len(topic)-100) + `"`
			if err := p.Publish(topic, "", []byte(data)); CodeOf(err) == ETOOBIG {
				data = "1"
				require.NoError(t, p.Publish(topic, "", []byte(data)))
			}
			e, err := r.Recv(soon)
			require.NoError(t, err)
			require.True(t, e.Topic == topic && string(e.Data) == data)
		}
		require.Len(t, po.Stats().Publishers, 1)
	})
}
