//go:build cgo && !nolibzmq

package zmtp

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestReconnectOfLibzmqPeers(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{"b"}, bind("ipc://"+filepath.Join(t.TempDir(), "s")))
	for round := 1; round <= 3; round++ { // libzmq connects again
		sub := foreign(t, zmq.SUB)
		require.NoError(t, sub.Connect(o.address()))
		require.NoError(t, sub.SetSubscribe("a"))
		pub := foreign(t, zmq.XPUB)
		require.NoError(t, pub.Connect(i.address()))
		_, err := pub.RecvMessage(0)
		require.NoError(t, err)
		o.wait(t, carrier.Subscribed, round)
		o.Send(message("a"))
		_, err = sub.RecvMessage(0)
		require.NoError(t, err)
		_, err = pub.SendMessage("b")
		require.NoError(t, err)
		i.sink.wait(t, round)
		require.NoError(t, sub.Close())
		require.NoError(t, pub.Close())
		o.wait(t, carrier.Unsubscribed, round)
		i.eventLog.wait(t, carrier.Disconnected, round)
	}
}

// Our outlet closes and opens again; libzmq's subscriber connects and subscribes again.
func TestReconnectOfALibzmqSubscriber(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	at := o.address()
	sub := foreign(t, zmq.SUB)
	require.NoError(t, sub.Connect(at))
	require.NoError(t, sub.SetSubscribe("a"))
	require.NoError(t, sub.SetRcvtimeo(10*time.Millisecond))
	got, stop := make(chan struct{}, 10), make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { // a SUB of libzmq subscribes again only while it is being used
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := sub.RecvMessage(0); err == nil {
				got <- struct{}{}
			}
		}
	})
	defer reader.Wait()
	defer close(stop)
	for range 3 {
		o.wait(t, carrier.Subscribed, 1)
		require.Equal(t, 1, o.Send(message("a")).Sent)
		testkit.Receive(t, got, "what was sent")
		o.Close(time.Second)
		o = newOutlet(t, carrier.Drop, 0, bind(at))
	}
	o.wait(t, carrier.Subscribed, 1)
	o.Send(message("a"))
	testkit.Receive(t, got, "what was sent")
}
