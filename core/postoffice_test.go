package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReceiversOfVeryManyTopicsDoNotCutOffThePublishers: each asks for less than a
// peer may, and together they ask for more.
func TestReceiversOfVeryManyTopicsDoNotCutOffThePublishers(t *testing.T) {
	const each = 135_000
	po := newOffice(t, "zmtp")
	var receivers []*Receiver
	for i := range 2 {
		r, err := NewReceiver(get(t, po, "endpoint.out"), fmt.Sprint(i))
		require.NoError(t, err)
		for topic := range each {
			require.NoError(t, r.Subscribe(fmt.Sprintf("%d/%d/", i, topic)))
		}
		require.NoError(t, r.Start())
		t.Cleanup(func() { _ = r.Close() })
		receivers = append(receivers, r)
	}
	require.Eventually(t, func() bool {
		n := 0
		for _, s := range po.Stats().Subscribers {
			n += s.Subscriptions
		}
		return n == 2*each
	}, soon, pollEvery)
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
	require.NoError(t, p.WaitReady(soon))
	require.Eventually(t, func() bool {
		peers := p.Stats().Peers
		return len(peers) == 1 && peers[0].ID == 1 && peers[0].Subscriptions == 100_000+1
	}, soon, pollEvery, "it keeps being cut off")
	for i, r := range receivers {
		require.NoError(t, r.Set("on_slow", "ignore"))
		topic := fmt.Sprintf("%d/%d/", i, each-1)
		for {
			require.NoError(t, p.Publish(topic, "", []byte("1")))
			if e, err := r.Recv(pollEvery); err == nil {
				require.Equal(t, topic, e.Topic)
				break
			}
			require.Equal(t, "running", get(t, p, "state"))
		}
	}
	require.EqualValues(t, 1, p.Stats().Peers[0].ID, "it has never been cut off")
}

const pollEvery = 10 * time.Millisecond
