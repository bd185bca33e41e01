package zmtp

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestReconnectAfterARestart(t *testing.T) {
	path := "ipc://" + filepath.Join(t.TempDir(), "s")
	for _, address := range []string{path, "tcp://127.0.0.1:*"} {
		o := newOutlet(t, carrier.Drop, 0, bind(address))
		at := o.address()
		i := newInlet(t, carrier.SUB, []string{"a"}, dial(at))
		for round := 1; round <= 3; round++ {
			o.wait(t, carrier.Subscribed, 1)
			o.Send(message("a"))
			i.sink.wait(t, round)
			o.Close(time.Second)
			require.Equal(t, at, i.eventLog.wait(t, carrier.Retrying, round).Address)
			i.eventLog.wait(t, carrier.Disconnected, round)
			o = newOutlet(t, carrier.Drop, 0, bind(at))
		}
	}
}

func TestConnectBeforeBind(t *testing.T) {
	i := newInlet(t, carrier.SUB, []string{"a"}, bind("tcp://127.0.0.1:*"))
	at := i.address()
	i.Close()
	o := newOutlet(t, carrier.Drop, 0, dial(at))
	require.Equal(t, at, o.wait(t, carrier.Retrying, 2).Address)
	i = newInlet(t, carrier.SUB, []string{"a"}, bind(at))
	o.wait(t, carrier.Subscribed, 1)
	require.Equal(t, 1, o.Send(message("a")).Sent)
	i.sink.wait(t, 1)
}
