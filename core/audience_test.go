package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestAudienceIsHeardOutBeforeAnythingIsSaid(t *testing.T) {
	var a audience
	a.begin()
	require.Greater(t, a.holdFor(time.Hour), 59*time.Minute, "while nobody listens")
	require.LessOrEqual(t, a.holdFor(0), time.Duration(0), "where nothing is to be held")

	a.note(carrier.Event{Kind: carrier.Connected})
	a.note(carrier.Event{Kind: carrier.Subscribed})
	require.LessOrEqual(t, a.holdFor(time.Hour), settling, "for further subscriptions")
	require.Eventually(t, func() bool { return a.holdFor(time.Hour) <= 0 }, 30*time.Second, settling)
	a.note(carrier.Event{Kind: carrier.Subscribed})
	require.LessOrEqual(t, a.holdFor(time.Hour), time.Duration(0), "later ones hold nothing up")

	a.note(carrier.Event{Kind: carrier.Unsubscribed})
	require.LessOrEqual(t, a.holdFor(time.Hour), time.Duration(0), "one still listens")
	a.note(carrier.Event{Kind: carrier.Unsubscribed})
	require.Greater(t, a.holdFor(time.Hour), 59*time.Minute, "silence again")
}

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
