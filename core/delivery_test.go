package core

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

func TestRunsHoldTheTextsOfAnEnvelope(t *testing.T) {
	r, err := NewReceiver("tcp://127.0.0.1:9", "r")
	require.NoError(t, err)
	r.inbox.open(queue.DropNew)
	require.NoError(t, r.Set("on_slow", "ignore"))
	topics := []string{"", "plain", "café", strings.Repeat("long", 80)}
	sizes := []int{1, 50, 255, 256, 3000}
	b := batch.Get()
	for i := range 1000 {
		data := fmt.Appendf(nil, "%0*d", sizes[i%len(sizes)], 1)
		data[0] = '1'
		require.NoError(t, wire.Append(b, topics[i%len(topics)], []byte(`"origin"`), data, true))
	}
	r.deliver(b) // as it stands, and below as copies
	few := batch.Get()
	require.NoError(t, wire.Append(few, "plain", []byte(`"origin"`), []byte(`1`), true))
	r.deliver(few)
	d, err := r.Take(2000, 0)
	require.NoError(t, err)
	require.Equal(t, 1001, d.Len())
	runs := 0
	for i := range d.Len() {
		v := d.At(i)
		if v.Run == nil {
			continue
		}
		runs++
		require.Equal(t, string(v.Topic), string(v.Run[:len(v.Topic)]))
		require.Equal(t, string(v.Origin), string(v.Run[v.OriginAt:v.OriginAt+len(v.Origin)]))
		require.Equal(t, string(v.Data), string(v.Run[v.DataAt:]))
		require.Less(t, len(v.Topic), v.OriginAt, "there is room for a NUL")
		require.Less(t, v.OriginAt+len(v.Origin), v.DataAt)
	}
	require.Equal(t, 451, runs, "all but one of the topics, three of the five sizes, and the copy")
	d.Release()
}
