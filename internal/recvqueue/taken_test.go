package recvqueue

import (
	"encoding/json"
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

func TestEnvelopesAsJSON(t *testing.T) {
	q, _ := bounded(100, 1<<20)
	q.Open(queue.DropNew)
	var none Taken
	require.Equal(t, "[]", string(none.AppendJSON(nil, true)))
	require.Equal(t, 2, none.JSONSize(true))
	b, s := batchOf(t, envelope{"é", `{"a": [1, NaN]}`}, envelope{"t", "2"}, envelope{"t", "3"})
	s.Records[1].Lost, s.Records[2].Lost = 3, 1234567
	_, _ = q.Put(b, s)
	b.Release()
	var d Taken
	require.Equal(t, Took, q.Take(&d, 3, 0))
	defer d.Release()
	for _, lost := range []bool{false, true} {
		out := d.AppendJSON(nil, lost)
		require.Len(t, out, d.JSONSize(lost))
		var rows [][]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(strings.Replace(string(out), "NaN", "0", 1)), &rows))
		require.Len(t, rows, 3)
		require.Len(t, rows[0], 4)
		if lost {
			require.Equal(t, "3", string(rows[1][4]))
			require.Equal(t, "1234567", string(rows[2][4]))
		}
	}
	require.Regexp(t, `^\["t","o",2, *[\d.]+\]$`, string(d.AppendRow(nil, 1)))
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
