package core

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// marshalled is what marshal.dumps writes of a list of rows, whose number is a byte.
func marshalled(rows ...string) []byte {
	return []byte("[" + string(rune(len(rows))) + "\x00\x00\x00" + strings.Join(rows, ""))
}

// marshalledRow is what it writes of ("t", "o", data).
func marshalledRow(data string) string {
	return "(\x03\x00\x00\x00u\x01\x00\x00\x00tu\x01\x00\x00\x00o" + data
}

func TestTryPublishMarshalTakesWhatItCan(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:9", "message.bytes", "100", "queue.messages", "5", "ready.hold", "1h", "linger", "0")
	publish := func(rows ...string) (int, error) { return p.TryPublishMarshal(marshalled(rows...)) }
	good := marshalledRow("T")

	n, err := publish(good, good)
	require.NoError(t, err)
	require.Equal(t, 2, n)

	_, err = p.TryPublishMarshal([]byte("N"))
	code(t, EJSON, err, "list of envelopes")
	n, err = p.TryPublishMarshal([]byte("[\xff\xff\xff\xff"))
	code(t, EJSON, err, "list of envelopes")
	require.Zero(t, n)
	n, err = publish(good, marshalledRow("?"), good)
	code(t, EJSON, err, "common kind")
	require.Equal(t, 1, n)
	n, err = publish(marshalledRow("u\x64\x00\x00\x00" + strings.Repeat("x", 100)))
	code(t, ETOOBIG, err, "message.bytes")
	require.Zero(t, n)

	n, err = publish(good, good, good)
	code(t, ETIMEOUT, err, "full for now")
	require.Equal(t, 2, n)
	s := p.Stats()
	require.EqualValues(t, []any{5, 5, 0}, []any{int(s.Accepted), int(s.Queued), int(s.DroppedFull)}, "what was not taken is not counted")
	_ = p.Stop(0)
	_, err = publish(good)
	code(t, ESTATE, err, "pub")
}
