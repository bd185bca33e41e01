package recvqueue

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/queue"
)

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
