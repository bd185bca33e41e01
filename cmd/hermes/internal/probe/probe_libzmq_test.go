//go:build cgo && !nolibzmq

package probe

import (
	"sync"
	"testing"
	"time"

	"github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"
)

func TestAPublisherHearsOfSubscriptions(t *testing.T) {
	p, err := zmq4.NewSocket(zmq4.XSUB)
	require.NoError(t, err)
	require.NoError(t, p.Bind("tcp://127.0.0.1:*"))
	at, err := p.GetLastEndpoint()
	require.NoError(t, err)
	_, err = p.SendBytes([]byte("\x01\"a/b"), 0)
	require.NoError(t, err)
	var group sync.WaitGroup
	ended := make(chan struct{})
	group.Go(func() { // libzmq forwards subscriptions while its socket is used
		for {
			select {
			case <-ended:
				return
			default:
				_, _ = p.RecvBytes(zmq4.DONTWAIT)
				time.Sleep(time.Millisecond)
			}
		}
	})
	defer func() { close(ended); group.Wait(); p.Close() }()

	c := dial(t, at)
	require.NoError(t, c.Greet())
	require.NoError(t, c.Introduce("PUB"))
	require.Equal(t, "XSUB", c.Ready.SocketType)
	require.Empty(t, c.Ready.Hermes, "libzmq")
	require.NoError(t, c.Subscriptions(`"a/`))
	_, err = c.Ping(1)
	require.NoError(t, err)
}
