package zmtp

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
)

func newPair(t testing.TB) *curve.Pair {
	t.Helper()
	pair, err := curve.Generate()
	require.NoError(t, err)
	return pair
}

// curveKeys are the keys of a server and of a client that it knows.
type curveKeys struct{ server, client *curve.Pair }

func newCurveKeys(t testing.TB) curveKeys { return curveKeys{newPair(t), newPair(t)} }

// asServer is the option of a CURVE server that accepts these clients.
func (k curveKeys) asServer(t testing.TB, clients string) option {
	t.Helper()
	set, err := curve.ParseClients(clients)
	require.NoError(t, err)
	return func(c *carrier.Config) { c.Curve = &curve.Config{Pair: k.server, Clients: set} }
}

// asClient is the option of a CURVE client.
func (k curveKeys) asClient() option { return asClient(k.client, k.server.Public) }

func asClient(pair *curve.Pair, server curve.Public) option {
	return func(c *carrier.Config) { c.Curve = &curve.Config{Pair: pair, Server: &server} }
}

func TestEncryptedConnectionsOfOurOwn(t *testing.T) {
	k := newCurveKeys(t)
	for _, serverBinds := range []bool{true, false} {
		for _, outletIsServer := range []bool{true, false} {
			t.Run(fmt.Sprintf("serverBinds=%t/outletIsServer=%t", serverBinds, outletIsServer), func(t *testing.T) {
				forOutlet, forInlet := k.asServer(t, k.client.Public.String()), k.asClient()
				if !outletIsServer {
					forOutlet, forInlet = forInlet, forOutlet
				}
				var o testOutlet
				var i testInlet
				if outletIsServer == serverBinds {
					o = newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"), forOutlet)
					i = newInlet(t, carrier.SUB, []string{"yes"}, dial(o.address()), forInlet)
				} else {
					i = newInlet(t, carrier.SUB, []string{"yes"}, bind("tcp://127.0.0.1:*"), forInlet)
					o = newOutlet(t, carrier.Wait, 0, dial(i.address()), forOutlet)
				}
				o.eventLog.wait(t, carrier.Subscribed, 1)
				for n := range 50 {
					o.Send(numbered("yes", 100*n, 100*n+100))
				}
				o.Send(message("yes/big", strings.Repeat("x", 1<<20), "", "end"))
				i.sink.wait(t, 5001)
				requireNumbered(t, i.got()[:5000], "yes", 5000)
				require.Len(t, i.got()[5000][1], 1<<20)
				wantKey := k.client.Public.String()
				if !outletIsServer {
					wantKey = k.server.Public.String()
				}
				require.Equal(t, wantKey, o.Peers()[0].Key)
			})
		}
	}
}

// refusal is how an end notices that a connection is refused.
type refusal struct {
	cause carrier.Cause
	text  string
}

func requireRefusal(t *testing.T, d *eventLog, kind carrier.EventKind, want refusal) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, e := range d.all() {
			if e.Kind == kind && e.Cause == want.cause {
				require.Contains(t, e.Reason, want.text)
				return true
			}
		}
		return false
	}, 10*time.Second, time.Millisecond, "%v in %v", want, d)
	require.Nil(t, d.find(carrier.Connected, 0))
}

func TestRefusalsAmongOurOwnAreNamedAtBothEnds(t *testing.T) {
	k := newCurveKeys(t)
	stranger := newPair(t)
	known := k.asServer(t, k.client.Public.String())
	plain := func(*carrier.Config) {}
	for name, c := range map[string]struct {
		server, client     option
		atServer, atClient refusal
	}{
		"wrong server key": {known, asClient(k.client, stranger.Public),
			refusal{carrier.CauseAccess, "the client expects another key"}, refusal{carrier.CauseAuth, curve.ReasonServerKey}},
		"unknown client key": {known, asClient(stranger, k.server.Public),
			refusal{carrier.CauseAuth, "key " + stranger.Public.String() + " is not known"},
			refusal{carrier.CauseAccess, "key " + stranger.Public.String() + " is not known"}},
		"plain client": {known, plain,
			refusal{carrier.CauseAuth, "the peer has no security mechanism (NULL), and this end demands CURVE"},
			refusal{carrier.CauseSecurity, `the peer demands the security mechanism "CURVE", and this end has NULL`}},
		"plain server": {plain, k.asClient(),
			refusal{carrier.CauseSecurity, `demands the security mechanism "CURVE"`}, refusal{carrier.CauseAuth, "no security mechanism"}},
		"two servers": {known, known,
			refusal{carrier.CauseAuth, "both ends are CURVE servers"}, refusal{carrier.CauseAuth, "both ends are CURVE servers"}},
		"two clients": {k.asClient(), k.asClient(),
			refusal{carrier.CauseOther, "CURVE client"}, refusal{carrier.CauseOther, "CURVE client"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), c.server)
			i := newInlet(t, carrier.SUB, []string{""}, dial(o.address()), c.client)
			requireRefusal(t, o.eventLog, carrier.HandshakeFailed, c.atServer)
			requireRefusal(t, i.eventLog, carrier.HandshakeFailed, c.atClient)
			requireRefusal(t, i.eventLog, carrier.Retrying, c.atClient)
		})
	}
}

// A server of JeroMQ sends an ERROR without a reason where one of libzmq hangs up. As with that, twice is no accident.
func TestAServerOfCurveThatGivesNoReason(t *testing.T) {
	k := newCurveKeys(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = nc.Write(ownGreeting(&curveServer{}))
			_, _ = io.ReadFull(nc, make([]byte, greetingSize+2+200)) // the greeting, and HELLO
			_, _ = nc.Write(appendCommand(nil, cmdError, []byte{0}))
			_, _ = io.Copy(io.Discard, nc)
			_ = nc.Close()
		}
	}()
	i := newInlet(t, carrier.SUB, []string{""}, dial("tcp://"+l.Addr().String()), k.asClient())
	require.Equal(t, carrier.CauseLeft, i.eventLog.wait(t, carrier.HandshakeFailed, 1).Cause)
	requireRefusal(t, i.eventLog, carrier.Retrying,
		refusal{carrier.CauseAuth, "refused by the peer without a reason at the beginning of the CURVE handshake: perhaps the server's key is not the one expected"})
}

func TestTheKeysOfAConnectionAreWipedWhenItEnds(t *testing.T) {
	k := newCurveKeys(t)
	o := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"), k.asServer(t, k.client.Public.String()))
	i := newInlet(t, carrier.SUB, []string{"yes"}, dial(o.address()), k.asClient())
	o.eventLog.wait(t, carrier.Subscribed, 1)
	var all []*curveProtection
	for _, peers := range []*[]*conn{o.peers.Load(), i.peers.Load()} {
		require.Len(t, *peers, 1)
		all = append(all, (*peers)[0].guarded.(*curveProtection))
	}
	o.Send(numbered("yes", 0, 1000))
	i.sink.wait(t, 1000)
	o.Close(time.Minute)
	i.Close()
	for _, p := range all {
		require.Panics(t, func() { p.seal.Append(nil, 0, []byte("text")) })
		_, _, err := p.open.Open(make([]byte, 100))
		require.ErrorContains(t, err, "after the end of the connection")
	}
}
