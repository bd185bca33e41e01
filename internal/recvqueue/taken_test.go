package recvqueue

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/queue"
)

func TestRunsHoldTheTextsOfAnEnvelope(t *testing.T) {
	q, _ := bounded(1<<40, 1<<40)
	q.Open(queue.DropNew)
	topics := []string{"", "plain", "café", strings.Repeat("long", 80)}
	sizes := []int{1, 50, 255, 256, 3000}
	var envelopes []envelope
	for i := range 1000 {
		data := fmt.Appendf(nil, "%0*d", sizes[i%len(sizes)], 1)
		data[0] = '1'
		envelopes = append(envelopes, envelope{topics[i%len(topics)], string(data)})
	}
	put(t, q, envelopes...) // as it stands, and below as a copy
	put(t, q, envelope{"plain", "1"})
	var d Taken
	require.Equal(t, Took, q.Take(&d, 2000, 0))
	require.Equal(t, 1001, d.Len())
	runs := 0
	var v View
	for i := range d.Len() {
		d.Look(i, &v)
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

func TestEnvelopesCanBeLookedAtInAnyOrder(t *testing.T) {
	q, _ := bounded(1<<40, 1<<40)
	q.Open(queue.DropNew)
	n := 0
	for chunk := range 5 {
		var envelopes []envelope
		for range 1000 * (chunk%2*5 + 1) {
			envelopes = append(envelopes, envelope{"t", fmt.Sprint(n)})
			n++
		}
		put(t, q, envelopes...)
	}
	var d Taken
	require.Equal(t, Took, q.Take(&d, n, 0))
	defer d.Release()
	require.Equal(t, n, d.Len())
	require.Greater(t, len(d.spans), 2)
	var v View
	for _, step := range []int{1, 977, n - 1} {
		for i := 0; i < 3*n; i += step {
			d.Look(i%n, &v)
			require.Equal(t, fmt.Sprint(i%n), string(v.Data))
		}
	}
}
