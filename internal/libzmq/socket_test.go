//go:build cgo && !nolibzmq

package libzmq

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestEveryTransportCarries(t *testing.T) {
	for name, address := range map[string]string{
		"tcp": "tcp://127.0.0.1:*", "ipc": "ipc://" + filepath.Join(t.TempDir(), "s"), "inproc": "inproc://carries",
		"abstract": fmt.Sprintf("ipc://@hermes.test.%d", os.Getpid()), "tcp6": "tcp://[::1]:*",
	} {
		for _, types := range [][2]carrier.Type{{carrier.PUB, carrier.SUB}, {carrier.XPUB, carrier.XSUB}} {
			t.Run(fmt.Sprint(name, types), func(t *testing.T) {
				var events eventLog
				in, got := newInlet(t, carrier.InletConfig{Config: carrier.Config{Type: types[1], Bind: []string{address}}})
				require.NoError(t, in.Subscribe([]byte("a")))
				o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Type: types[0], Connect: in.Endpoints(), OnEvent: events.record}})
				require.Eventually(t, func() bool { return events.has(carrier.Subscribed, "a") }, testkit.Soon, time.Millisecond)
				require.Equal(t, carrier.Tally{Sent: 2, SentBytes: 22, Unwanted: 1}, o.Send(messages("a1", "b1", "a2")))
				require.Equal(t, "|a1||end", next(t, got))
				require.Equal(t, "|a2||end", next(t, got))
				require.NoError(t, in.Unsubscribe([]byte("a")))
				require.Eventually(t, func() bool { return events.has(carrier.Unsubscribed, "a") }, testkit.Soon, time.Millisecond)
				require.Equal(t, 1, o.Send(messages("a3")).Unwanted)
				in.Close()
				require.ErrorIs(t, in.Subscribe([]byte("a")), carrier.ErrClosed)
				in.Close()
			})
		}
	}
}

func TestTransportsThatWouldCarryPlainTextAreRefusedWithKeys(t *testing.T) {
	pair, err := curve.Generate()
	require.NoError(t, err)
	clients, err := curve.ParseClients(curve.AnyClient)
	require.NoError(t, err)
	for _, address := range []string{"pgm://127.0.0.1;239.1.1.1:5555", "epgm://127.0.0.1;239.1.1.1:5555", "norm://127.0.0.1:5555", "inproc://plain"} {
		for _, keys := range []*curve.Config{{Pair: pair, Clients: clients}, {Pair: pair, Server: &pair.Public}} {
			for _, cfg := range []carrier.Config{{Bind: []string{"tcp://127.0.0.1:*", address}}, {Connect: []string{address}}} {
				cfg.Type, cfg.Curve = carrier.PUB, keys
				_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: cfg})
				require.ErrorIs(t, err, carrier.ErrUnsupported)
				require.ErrorContains(t, err, address+` with the options curve.*: it would carry plain text`)
			}
		}
	}
	for _, address := range []string{"tcp://127.0.0.1:*", "ipc://" + filepath.Join(t.TempDir(), "s")} {
		newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Bind: []string{address}, Curve: &curve.Config{Pair: pair, Clients: clients}}})
	}
}

func TestAnInprocAddressIsFreeAfterClose(t *testing.T) {
	for range 100 { // libzmq counts 1,023 sockets at most, closed ones among them until a thread of its own gets to them
		in, err := Opener{}.OpenInlet(carrier.InletConfig{
			Config:  carrier.Config{Type: carrier.SUB, Bind: []string{"inproc://again"}},
			Deliver: func(*batch.Batch) {},
		})
		require.NoError(t, err)
		o, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: carrier.Config{Type: carrier.PUB, Connect: in.Endpoints()}})
		require.NoError(t, err)
		in.Close()
		o.Close(0)
	}
}
