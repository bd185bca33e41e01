//go:build cgo && !nolibzmq

package core

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// TestAFailedConnectionOfLibzmqIsDiagnosed: it does not say why it cannot connect, and of a type that does not
// fit nothing at all.
func TestAFailedConnectionOfLibzmqIsDiagnosed(t *testing.T) {
	refused := closedPort(t)
	told(t, newReceiver(t, "libzmq", refused), "cannot connect to "+refused+": connection refused")
	told(t, newPublisher(t, "libzmq", "tcp://no-such-host.invalid:6001"), "check the spelling of the host name")
	eachEngine(t, func(t *testing.T, office string) {
		po := newOffice(t, office)
		in, out := get(t, po, "endpoint.in"), get(t, po, "endpoint.out")
		r, p := newReceiver(t, "libzmq", in), newPublisher(t, "libzmq", out)
		told(t, r, in+" is the address for publishers")
		told(t, p, out+" is the address for receivers")
		code(t, ETIMEOUT, p.WaitReady(time.Millisecond), out+" is the address for receivers")
		e := eventOf(t, po, "handshake_failed")
		if office == "zmtp" { // libzmq may not be able to tell it from a probe
			require.Equal(t, notify.Warning, e.Level, e.Text)
		}
	})
	po := newOffice(t, "libzmq")
	c, err := net.Dial("tcp", strings.TrimPrefix(get(t, po, "endpoint.in"), "tcp://"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Equal(t, notify.Info, eventOf(t, po, "handshake_failed").Level)
}
