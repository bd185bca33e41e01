package telemetry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/wire"
)

func TestAnEnvelopeHasFourFramesAndTheTimeOfNow(t *testing.T) {
	b := Envelope([]byte(`"t"`), []byte(`"o"`), []byte(`{}`))
	defer b.Release()
	p, err := wire.Split(b.Message(0), &wire.StreamMemo{})
	require.NoError(t, err)
	require.Equal(t, [3]string{`"t"`, `"o"`, `{}`}, [3]string{string(p.Topic), string(p.Origin), string(p.Data)})
	require.InDelta(t, float64(time.Now().Unix()), p.TS, 600)
	require.False(t, p.Numbered)
}
