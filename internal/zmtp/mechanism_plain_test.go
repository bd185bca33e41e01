package zmtp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// The addresses of one socket may differ in their security, bound or dialled.
func TestTheMechanismIsThatOfTheAddress(t *testing.T) {
	k := newCurveKeys(t)
	server := k.asServer(t, k.client.Public.String())
	for name, serverBinds := range map[string]bool{"bound": true, "dialled": false} {
		t.Run(name, func(t *testing.T) {
			var both testOutlet
			var plain, locked testInlet
			if serverBinds {
				both = newOutlet(t, carrier.Wait, 0, bind("plain+tcp://127.0.0.1:*", "tcp://127.0.0.1:*"), server)
				at := both.Endpoints()
				plain = newInlet(t, carrier.SUB, []string{"yes"}, dial(at[0]))
				locked = newInlet(t, carrier.SUB, []string{"yes"}, dial(at[1]), k.asClient())
			} else {
				plain = newInlet(t, carrier.SUB, []string{"yes"}, bind("tcp://127.0.0.1:*"))
				locked = newInlet(t, carrier.SUB, []string{"yes"}, bind("tcp://127.0.0.1:*"), k.asClient())
				both = newOutlet(t, carrier.Wait, 0, dial("plain+"+plain.address(), locked.address()), server)
			}
			both.eventLog.wait(t, carrier.Connected, 2)
			both.eventLog.wait(t, carrier.Subscribed, 1)
			for _, in := range []testInlet{plain, locked} {
				in.eventLog.wait(t, carrier.Connected, 1)
			}
			testkit.Eventually(t, func() bool {
				p := both.Peers()
				return len(p) == 2 && p[0].Subscriptions == 1 && p[1].Subscriptions == 1
			}, "both subscriptions")
			both.Send(numbered("yes", 0, 1000))
			for _, in := range []testInlet{plain, locked} {
				in.sink.wait(t, 1000)
				requireNumbered(t, in.got(), "yes", 1000)
			}
			keys := map[string]int{}
			for _, p := range both.Peers() {
				keys[p.Key]++
			}
			require.Equal(t, map[string]int{"": 1, k.client.Public.String(): 1}, keys)
		})
	}
}

func TestAPlainAddressTakesNoPeerWithKeysAndALockedOneNoneWithout(t *testing.T) {
	k := newCurveKeys(t)
	server := k.asServer(t, k.client.Public.String())
	o := newOutlet(t, carrier.Drop, 0, bind("plain+tcp://127.0.0.1:*", "tcp://127.0.0.1:*"), server)
	at := o.Endpoints()
	for name, c := range map[string]struct {
		to   string
		keys option
		want refusal
	}{
		"keys at the plain address": {at[0][len("plain+"):], k.asClient(), refusal{carrier.CauseAuth, "no security mechanism"}},
		"none at the locked one":    {at[1], with(func(*carrier.Config) {}), refusal{carrier.CauseSecurity, "CURVE"}},
		"plain+ at the locked one":  {"plain+" + at[1], k.asClient(), refusal{carrier.CauseSecurity, "CURVE"}},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInlet(t, carrier.SUB, []string{""}, dial(c.to), c.keys)
			requireRefusal(t, i.eventLog, carrier.HandshakeFailed, c.want)
		})
	}
	require.Empty(t, o.Peers())
}
