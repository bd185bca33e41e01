package readiness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestEnvelopesAreHeldUntilTheSubscriptionsHaveSettled(t *testing.T) {
	var r Tracker
	r.Begin()
	require.Greater(t, r.HoldFor(time.Hour), 59*time.Minute, "while there is no subscription")
	require.LessOrEqual(t, r.HoldFor(0), time.Duration(0), "where nothing is to be held")

	r.Note(carrier.Event{Kind: carrier.Connected})
	r.Note(carrier.Event{Kind: carrier.Subscribed})
	require.LessOrEqual(t, r.HoldFor(time.Hour), settling, "for further subscriptions")
	require.Eventually(t, func() bool { return r.HoldFor(time.Hour) <= 0 }, 30*time.Second, settling)
	r.Note(carrier.Event{Kind: carrier.Subscribed})
	require.LessOrEqual(t, r.HoldFor(time.Hour), time.Duration(0), "later ones hold nothing up")

	r.Note(carrier.Event{Kind: carrier.Unsubscribed})
	require.LessOrEqual(t, r.HoldFor(time.Hour), time.Duration(0), "one is left")
	r.Note(carrier.Event{Kind: carrier.Unsubscribed})
	require.Greater(t, r.HoldFor(time.Hour), 59*time.Minute, "none is left")
}
