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

// Our outlet with every kind of subscriber of libzmq, either side binding.
func TestLibzmqReceivesFromOutlet(t *testing.T) {
	const n = 3000
	for _, m := range meetings(t) {
		for _, kind := range []zmq.Type{zmq.SUB, zmq.XSUB} {
			for _, own := range []carrier.Type{carrier.PUB, carrier.XPUB} {
				t.Run(fmt.Sprintf("%s/%s/%s", m.name, kind, own), func(t *testing.T) {
					s := foreign(t, kind, unlimited)
					var o testOutlet
					m.join(t, s, func(where option) carrierSocket {
						o = newOutlet(t, carrier.Wait, 0, where, with(func(c *carrier.Config) { c.Type = own }))
						return o
					})
					require.NoError(t, subscribe(s, kind, "yes", true))
					testkit.Eventually(t, func() bool {
						_, err := s.GetEvents()
						require.NoError(t, err)
						return o.find(carrier.Subscribed, 0) != nil
					}, "subscribed")
					for at := 0; at < n; at += 100 {
						require.Equal(t, 100, o.Send(numbered("yes", at, at+100)).Sent)
						require.Equal(t, 3, o.Send(numbered("no", 0, 3)).Unwanted)
					}
					for i := range n {
						msg, err := s.RecvMessage(0)
						require.NoError(t, err)
						require.Equal(t, []string{fmt.Sprintf("yes/%d", i), "body"}, msg)
					}
					require.NoError(t, subscribe(s, kind, "yes", false))
					require.Equal(t, "yes", string(o.wait(t, carrier.Unsubscribed, 1).Prefix))
					require.Equal(t, "yes", string(o.find(carrier.Subscribed, 0).Prefix))
					require.Equal(t, kind.String(), o.Peers()[0].Type)
					require.NoError(t, s.Close())
					o.wait(t, carrier.Disconnected, 1)
				})
			}
		}
	}
}
