//go:build cgo && !nolibzmq

package zmtp

import (
	"fmt"
	"strings"
	"testing"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// setServer and setClient make a socket of libzmq one end of CURVE.
func (k curveKeys) setServer(s *zmq.Socket) error {
	if err := s.SetCurveServer(1); err != nil {
		return err
	}
	return s.SetCurveSecretkey(k.server.Secret().Text())
}

func (k curveKeys) setClient(s *zmq.Socket) error {
	return setClient(s, k.client, k.server.Public)
}

func setClient(s *zmq.Socket, pair *curve.Pair, server curve.Public) error {
	if err := s.SetCurveServerkey(server.String()); err != nil {
		return err
	}
	if err := s.SetCurvePublickey(pair.Public.String()); err != nil {
		return err
	}
	return s.SetCurveSecretkey(pair.Secret().Text())
}

// An end of libzmq and one of ours, of all types that fit.
func TestEncryptedConnectionsWithLibzmq(t *testing.T) {
	for _, m := range []meeting{{"ours binds", "tcp://127.0.0.1:*", false}, {"libzmq binds", "tcp://127.0.0.1:*", true}} {
		for _, weAreServer := range []bool{true, false} {
			for _, kind := range []zmq.Type{zmq.PUB, zmq.XPUB, zmq.SUB, zmq.XSUB} {
				t.Run(fmt.Sprintf("%s/server=%t/%v", m.name, weAreServer, kind), func(t *testing.T) {
					exchangeEncrypted(t, m, weAreServer, kind)
				})
			}
		}
	}
}

func exchangeEncrypted(t *testing.T, m meeting, weAreServer bool, kind zmq.Type) {
	k := newCurveKeys(t)
	ours, theirs := k.asServer(t, k.client.Public.String()), k.setClient
	if !weAreServer {
		ours, theirs = k.asClient(), k.setServer
	}
	s := foreign(t, kind, unlimited, theirs)
	long := strings.Repeat("x", 100_000)
	if kind == zmq.PUB || kind == zmq.XPUB {
		var in testInlet
		m.join(t, s, func(at option) carrierSocket {
			in = newInlet(t, carrier.SUB, []string{"yes"}, at, ours)
			return in
		})
		waitForPub(t, s, in)
		for n := range 1000 {
			_, err := s.SendMessage(fmt.Sprintf("yes/%d", n), "body")
			require.NoError(t, err)
		}
		_, err := s.SendMessage("yes/last", "", long)
		require.NoError(t, err)
		testkit.Eventually(t, func() bool { return len(withoutProbes(in.got())) == 1001 }, "all messages")
		requireNumbered(t, withoutProbes(in.got())[:1000], "yes", 1000)
		require.Equal(t, []string{"yes/last", "", long}, withoutProbes(in.got())[1000])
		return
	}
	var out testOutlet
	m.join(t, s, func(at option) carrierSocket {
		out = newOutlet(t, carrier.Wait, 0, at, ours)
		return out
	})
	require.NoError(t, subscribe(s, kind, "yes", true))
	stop := keepUsing(s)
	out.eventLog.wait(t, carrier.Subscribed, 1)
	stop()
	out.Send(numbered("no", 0, 10))
	out.Send(numbered("yes", 0, 1000))
	out.Send(message("yes/last", "", long))
	for n := range 1000 {
		got, err := s.RecvMessage(0)
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprintf("yes/%d", n), "body"}, got)
	}
	got, err := s.RecvMessage(0)
	require.NoError(t, err)
	require.Equal(t, []string{"yes/last", "", long}, got)
	require.NoError(t, subscribe(s, kind, "yes", false))
	stop = keepUsing(s)
	out.eventLog.wait(t, carrier.Unsubscribed, 1)
	stop()
}

// libzmq gives no reason; what it does tells.
func TestRefusalsByLibzmqAreNamed(t *testing.T) {
	k := newCurveKeys(t)
	for name, c := range map[string]struct {
		theirs func(*zmq.Socket) error
		ours   option
		want   refusal
	}{
		"wrong server key": {k.setServer, asClient(k.client, newPair(t).Public), refusal{carrier.CauseAuth, "perhaps the server's key"}},
		"plain server":     {unlimited, k.asClient(), refusal{carrier.CauseAuth, "no security mechanism"}},
		"plain client":     {k.setServer, func(*carrier.Config) {}, refusal{carrier.CauseSecurity, "CURVE"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := foreign(t, zmq.PUB, c.theirs)
			require.NoError(t, s.Bind("tcp://127.0.0.1:*"))
			at, err := s.GetLastEndpoint()
			require.NoError(t, err)
			defer keepUsing(s)()
			i := newInlet(t, carrier.SUB, []string{""}, dial(at), c.ours)
			requireRefusal(t, i.eventLog, carrier.Retrying, c.want)
		})
	}
}

func TestRefusalsOfLibzmqAreNamed(t *testing.T) {
	k := newCurveKeys(t)
	stranger := newPair(t)
	known := k.asServer(t, k.client.Public.String())
	for name, c := range map[string]struct {
		theirs func(*zmq.Socket) error
		ours   option
		want   refusal
	}{
		"wrong server key": {func(s *zmq.Socket) error { return setClient(s, k.client, stranger.Public) }, known,
			refusal{carrier.CauseAccess, "the client expects another key"}},
		"unknown client key": {func(s *zmq.Socket) error { return setClient(s, stranger, k.server.Public) }, known,
			refusal{carrier.CauseAuth, "key " + stranger.Public.String() + " is not known"}},
		"plain client": {unlimited, known, refusal{carrier.CauseAuth, "no security mechanism"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), c.ours)
			s := foreign(t, zmq.SUB, c.theirs)
			require.NoError(t, s.SetSubscribe(""))
			require.NoError(t, s.Connect(o.address()))
			requireRefusal(t, o.eventLog, carrier.HandshakeFailed, c.want)
		})
	}
}

// libzmq tries once, and hangs up before or after its first bytes have been sent.
func TestPlainServerNoticesThatAnEncryptedLibzmqHangsUp(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	s := foreign(t, zmq.SUB, newCurveKeys(t).setClient)
	require.NoError(t, s.Connect(o.address()))
	e := o.wait(t, carrier.HandshakeFailed, 1)
	require.Contains(t, []carrier.Cause{carrier.CauseLeft, carrier.CauseProbe}, e.Cause)
}
