//go:build cgo && !nolibzmq

package zmtp

import (
	"fmt"
	"testing"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// Our inlet with every kind of publisher of libzmq, either side binding.
func TestInletReceivesFromLibzmq(t *testing.T) {
	const n = 3000
	for _, m := range meetings(t) {
		for _, kind := range []zmq.Type{zmq.PUB, zmq.XPUB} {
			for _, own := range []carrier.Type{carrier.SUB, carrier.XSUB} {
				t.Run(fmt.Sprintf("%s/%s/%s", m.name, kind, own), func(t *testing.T) {
					s := foreign(t, zmq.XPUB, unlimited)
					if kind == zmq.PUB {
						s = foreign(t, zmq.PUB, unlimited)
					}
					var i testInlet
					m.join(t, s, func(where option) carrierSocket {
						i = newInlet(t, own, []string{"yes"}, where)
						return i
					})
					if kind == zmq.XPUB {
						msg, err := s.RecvMessage(0)
						require.NoError(t, err)
						require.Equal(t, []string{"\x01yes"}, msg)
					} else { // a PUB does not report subscriptions
						waitForPub(t, s, i)
					}
					for k := range n {
						_, err := s.SendMessage(fmt.Sprintf("yes/%d", k), "body")
						require.NoError(t, err)
						_, err = s.SendMessage("no", "body")
						require.NoError(t, err)
					}
					testkit.Eventually(t, func() bool { return len(i.got()) > 0 && len(withoutProbes(i.got())) == n }, "all messages")
					requireNumbered(t, withoutProbes(i.got()), "yes", n)
					require.NoError(t, i.Unsubscribe([]byte("yes")))
					if kind == zmq.XPUB {
						msg, err := s.RecvMessage(0)
						require.NoError(t, err)
						require.Equal(t, []string{"\x00yes"}, msg)
					}
					require.Equal(t, kind.String(), i.Peers()[0].Type)
				})
			}
		}
	}
}
