package embed_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
)

func refused(t *testing.T, want errs.Code, err error, text string) {
	t.Helper()
	require.Equal(t, want, errs.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, text)
}

func TestTryPublishMarshalTakesWhatItCan(t *testing.T) {
	publisher, err := core.NewPublisher("tcp://127.0.0.1:9", "pub")
	require.NoError(t, err)
	start(t, publisher, "engine", "zmtp", "message.bytes", "100", "queue.messages", "5", "ready.hold", "1h", "linger", "0")
	p := embed.PublisherOf(publisher)
	publish := func(rows ...string) (int, error) { return p.TryPublishMarshal(marshalled(rows...)) }
	good := marshalledRow("T")

	n, err := publish(good, good)
	require.NoError(t, err)
	require.Equal(t, 2, n)

	_, err = p.TryPublishMarshal([]byte("N"))
	refused(t, errs.EJSON, err, "list of envelopes")
	n, err = p.TryPublishMarshal([]byte("[\xff\xff\xff\xff"))
	refused(t, errs.EJSON, err, "list of envelopes")
	require.Zero(t, n)
	n, err = publish(good, marshalledRow("?"), good)
	refused(t, errs.EJSON, err, "common kind")
	require.Equal(t, 1, n)
	n, err = publish(marshalledRow("u\x64\x00\x00\x00" + strings.Repeat("x", 100)))
	refused(t, errs.ETOOBIG, err, "message.bytes")
	require.Zero(t, n)

	n, err = publish(good, good, good)
	refused(t, errs.ETIMEOUT, err, "full for now")
	require.Equal(t, 2, n)
	s := publisher.Stats()
	require.EqualValues(t, []any{5, 5, 0}, []any{int(s.Accepted), int(s.Queued), int(s.DroppedFull)}, "what was not taken is not counted")
	_ = publisher.Stop(0)
	_, err = publish(good)
	refused(t, errs.ESTATE, err, "pub")
}
