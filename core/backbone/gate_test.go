package backbone

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func TestTheGateIsShutWhileTooMuchWaits(t *testing.T) {
	g := &gate{ch: make(chan *nats.Msg, 4), limit: 100}
	g.read.Store(200)
	require.False(t, g.shut(), "nothing waits")
	g.ch <- nil
	require.True(t, g.shut(), "too many bytes")
	g.drained()
	g.read.Add(100)
	require.False(t, g.shut())
	g.ch <- nil
	require.False(t, g.shut())
	g.ch <- nil
	require.True(t, g.shut(), "more than half")
	g.pass() // not for ever
	<-g.ch
	g.pass()
}
