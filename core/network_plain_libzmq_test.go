//go:build cgo && !nolibzmq

package core

import (
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// foreignSocket is a socket of libzmq.
func foreignSocket(t *testing.T, kind zmq.Type, setup func(*zmq.Socket) error) *zmq.Socket {
	t.Helper()
	s, err := zmq.NewSocket(kind)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.SetLinger(0))
	require.NoError(t, s.SetRcvtimeo(soon))
	require.NoError(t, setup(s))
	return s
}

func TestSocketsOfLibzmqMeetAtTheTwoAddresses(t *testing.T) {
	k := keyFiles(t, "office", "peer")
	po := newOfficeWithPlain(t, k["office"])
	plainIn, lockedIn := doors(t, po, "endpoint.in")
	plainOut, lockedOut := doors(t, po, "endpoint.out")
	pair, err := curve.ReadSecretFile(k["peer"] + ".key_secret")
	require.NoError(t, err)
	server := publicKey(t, k["office"])
	open := func(*zmq.Socket) error { return nil }
	locked := func(s *zmq.Socket) error {
		return s.ClientAuthCurve(server, pair.Public.String(), pair.Secret().Text())
	}
	for name, c := range map[string]struct {
		pub, sub          func(*zmq.Socket) error
		pubTo, subscribes string
	}{
		"plain to CURVE": {open, locked, bareOf(plainIn), lockedOut},
		"CURVE to plain": {locked, open, lockedIn, bareOf(plainOut)},
	} {
		t.Run(name, func(t *testing.T) {
			// The subscriber of the other case is gone, and that of this one is there, before anything is sent.
			require.Eventually(t, func() bool { return subscribed(po.Stats()) == 0 }, soon, time.Millisecond)
			pub, sub := foreignSocket(t, zmq.XPUB, c.pub), foreignSocket(t, zmq.SUB, c.sub)
			require.NoError(t, sub.SetSubscribe(`"topic"`))
			require.NoError(t, sub.Connect(c.subscribes))
			require.Eventually(t, func() bool { return subscribed(po.Stats()) == 1 }, soon, time.Millisecond)
			require.NoError(t, pub.Connect(c.pubTo))
			_, err := pub.RecvMessage(0) // the subscription
			require.NoError(t, err)
			_, err = pub.SendMessage(`"topic"`, `"origin"`, "[1]", "1700000000.5")
			require.NoError(t, err)
			got, err := sub.RecvMessage(0)
			require.NoError(t, err)
			require.Equal(t, []string{`"topic"`, `"origin"`, "[1]", "1700000000.5"}, got)
		})
	}
}

func TestOneSocketOfLibzmqHasOneSecurity(t *testing.T) {
	k := keyFiles(t, "office")
	keys := []string{"engine", "libzmq", "curve.secret", k["office"] + ".key_secret", "curve.clients", "any"}
	po, err := NewPostOffice(twoDoors, "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, po, keys...)
	err = po.Start()
	code(t, EADDRESS, err, "plain+tcp://127.0.0.1:* beside tcp://127.0.0.1:*", "engine zmtp has one for each")
	require.ErrorIs(t, err, carrier.ErrUnsupported)
	require.NoError(t, po.Close())

	po, err = NewPostOffice("plain+tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, po, keys...)
	require.NoError(t, po.Start(), "each side is a socket of its own")
	t.Cleanup(func() { _ = po.Close() })
	r := newReceiver(t, "libzmq", get(t, po, "endpoint.out"), "curve.server", k["office"]+".key")
	p := newPublisher(t, "libzmq", bareOf(get(t, po, "endpoint.in")))
	require.NoError(t, p.Publish("topic", "", []byte("1")))
	_, err = r.Recv(soon)
	require.NoError(t, err)
}
