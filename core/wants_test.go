package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// ledger is an inlet that keeps account of what is asked of it.
type ledger struct {
	carrier.Inlet
	asked map[string]int
}

func (l *ledger) Subscribe(p []byte) error   { l.asked[string(p)]++; return nil }
func (l *ledger) Unsubscribe(p []byte) error { l.asked[string(p)]--; return nil }

func (l *ledger) now() (out []string) {
	for p, n := range l.asked {
		if n > 0 {
			out = append(out, p)
		}
	}
	return out
}

func TestWhatAPostOfficeAsksForIsBounded(t *testing.T) {
	in := &ledger{asked: map[string]int{}}
	var w upstream
	tell := func(kind carrier.EventKind, from, to int) {
		for i := from; i < to; i++ {
			w.note(carrier.Event{Kind: kind, Prefix: fmt.Appendf(nil, "%d/", i)})
		}
	}
	tell(carrier.Subscribed, 0, 10)
	w.attach(in)
	require.Len(t, in.now(), 10, "those that came before")
	tell(carrier.Subscribed, 10, askedPrefixes)
	require.Len(t, in.now(), askedPrefixes)
	tell(carrier.Subscribed, askedPrefixes, askedPrefixes+10)
	require.Len(t, in.now(), askedPrefixes+1)
	require.Equal(t, 1, in.asked[""], "everything, once")
	tell(carrier.Unsubscribed, 0, 5)
	tell(carrier.Unsubscribed, askedPrefixes, askedPrefixes+9)
	require.Equal(t, 1, in.asked[""], "one is left that is not asked for by itself")
	tell(carrier.Subscribed, 0, 1)
	tell(carrier.Unsubscribed, askedPrefixes+9, askedPrefixes+10)
	require.Zero(t, in.asked[""])
	require.Len(t, in.now(), askedPrefixes-4)
	w.note(carrier.Event{Kind: carrier.Subscribed, Prefix: make([]byte, askedBytes)})
	require.Equal(t, 1, in.asked[""], "bytes are bounded too")
	w.withdraw()
	require.Empty(t, in.now())
}

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
		return len(peers) == 1 && peers[0].ID == 1 && peers[0].Subscriptions == askedPrefixes+1
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
