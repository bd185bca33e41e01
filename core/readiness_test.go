package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReceiverOfManyTopicsMissesNothingAtTheStart(t *testing.T) {
	const topics = 20
	for range 20 {
		office, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
		require.NoError(t, err)
		require.NoError(t, office.Start())
		in, err := office.Get("endpoint.in")
		require.NoError(t, err)
		out, err := office.Get("endpoint.out")
		require.NoError(t, err)

		receiver, err := NewReceiver(out, "receiver")
		require.NoError(t, err)
		for i := range topics {
			require.NoError(t, receiver.Subscribe(fmt.Sprintf("%d/", i)))
		}
		require.NoError(t, receiver.Start())
		publisher, err := NewPublisher(in, "publisher")
		require.NoError(t, err)
		require.NoError(t, publisher.Set("ready.hold", "30s"))
		require.NoError(t, publisher.Start())
		for i := range topics {
			require.NoError(t, publisher.Publish(fmt.Sprintf("%d/", i), "", []byte("1")))
		}
		for i := range topics {
			e, err := receiver.Recv(30 * time.Second)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%d/", i), e.Topic)
		}
		for _, component := range []Component{publisher, receiver, office} {
			require.NoError(t, component.Close())
		}
	}
}
