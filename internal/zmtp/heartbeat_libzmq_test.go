//go:build cgo && !nolibzmq

package zmtp

import (
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestHeartbeatsWithLibzmq(t *testing.T) {
	fast := func(s *zmq.Socket) error {
		if err := s.SetHeartbeatIvl(5 * time.Millisecond); err != nil {
			return err
		}
		if err := s.SetHeartbeatTtl(3 * time.Second); err != nil {
			return err
		}
		return s.SetHeartbeatTimeout(3 * time.Second)
	}
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), beat(5*time.Millisecond, 3*time.Second))
	sub := foreign(t, zmq.SUB, fast)
	require.NoError(t, sub.Connect(o.address()))
	require.NoError(t, sub.SetSubscribe("a"))
	o.wait(t, carrier.Subscribed, 1)
	i := newInlet(t, carrier.SUB, []string{"a"}, bind("tcp://127.0.0.1:*"), beat(5*time.Millisecond, 3*time.Second))
	pub := foreign(t, zmq.XPUB, fast)
	require.NoError(t, pub.Connect(i.address()))
	_, err := pub.RecvMessage(0)
	require.NoError(t, err)
	body := string(make([]byte, 3000))
	for range 300 { // traffic with PINGs all over it
		o.Send(message("a", body, body))
		msg, err := sub.RecvMessage(0)
		require.NoError(t, err)
		require.Equal(t, []string{"a", body, body}, msg)
		_, err = pub.SendMessage("a", body, body)
		require.NoError(t, err)
	}
	i.sink.wait(t, 300)
	require.Nil(t, o.find(carrier.Disconnected, 0), "%v", o.eventLog)
	require.Nil(t, i.eventLog.find(carrier.Disconnected, 0), "%v", i.eventLog)
}
