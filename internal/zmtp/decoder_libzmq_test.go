//go:build cgo && !nolibzmq

package zmtp

import (
	"fmt"
	"slices"
	"testing"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestBigAndManyFramesWithLibzmq(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"))
	sub := foreign(t, zmq.SUB, unlimited)
	require.NoError(t, sub.Connect(o.address()))
	require.NoError(t, sub.SetSubscribe(""))
	o.wait(t, carrier.Subscribed, 1)
	i := newInlet(t, carrier.SUB, []string{""}, bind("tcp://127.0.0.1:*"))
	pub := foreign(t, zmq.XPUB, unlimited)
	require.NoError(t, pub.Connect(i.address()))
	_, err := pub.RecvMessage(0)
	require.NoError(t, err)
	frames := []string{"", "x", string(make([]byte, 255)), string(make([]byte, 256)), string(make([]byte, 20<<20)), ""}
	for len(frames) < 500 {
		frames = append(frames, fmt.Sprint(len(frames)))
	}
	require.Equal(t, 1, o.Send(message(frames...)).Sent)
	msg, err := sub.RecvMessage(0)
	require.NoError(t, err)
	require.True(t, slices.Equal(frames, msg))
	_, err = pub.SendMessage(frames)
	require.NoError(t, err)
	i.sink.wait(t, 1)
	require.True(t, slices.Equal(frames, i.got()[0]))
}
