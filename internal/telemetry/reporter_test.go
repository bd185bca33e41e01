package telemetry

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// reported is a Reporter whose envelopes go to a channel, as text.
func reported(t *testing.T, interval *atomic.Int64) (*Reporter, *Audience, chan string) {
	t.Helper()
	out, n := make(chan string, 10), 0
	r, a := &Reporter{}, &Audience{}
	r.Init(Config{
		Kind: "receiver", Interval: func() time.Duration { return time.Duration(interval.Load()) }, Fail: func(err error) { t.Error(err) },
		Stats: func() []byte { n++; return fmt.Appendf(nil, `{"n":%d}`, n) },
		Event: func(e notify.Event) []byte { return fmt.Appendf(nil, `{"kind":%q}`, e.Kind) },
		Publish: func(topic, origin, data []byte) bool {
			select {
			case out <- strings.Join([]string{string(topic), string(origin), string(data)}, " "):
				return true
			default:
				return false
			}
		},
	})
	a.Begin(nil)
	return r, a, out
}

func TestAReporterPublishesForThoseThatSubscribe(t *testing.T) {
	var interval atomic.Int64
	interval.Store(int64(time.Hour))
	r, a, out := reported(t, &interval)
	r.Begin("a/b", a)
	a.Note(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte(`"$`)})
	require.Contains(t, testkit.Receive(t, out, "stats at once"), `"$hermes/receiver/a%2Fb/stats" "a/b" {"n":`)
	r.Events.Add(notify.Event{Kind: "lost"})
	require.Equal(t, `"$hermes/receiver/a%2Fb/events" "a/b" {"kind":"lost"}`, testkit.Receive(t, out, "an event"))
	interval.Store(int64(time.Millisecond))
	r.Changed()
	testkit.Receive(t, out, "at the new interval")
	testkit.Receive(t, out, "again")
	require.Eventually(t, func() bool { return r.Skipped() > 0 }, testkit.Soon, time.Millisecond, "what has no room is skipped")
	interval.Store(0)
	r.Changed()
	r.End()
	r.End()
}

func TestTheLastStateIsPublishedAtTheEnd(t *testing.T) {
	var interval atomic.Int64
	interval.Store(int64(time.Hour))
	r, a, out := reported(t, &interval)
	r.Begin("a", a)
	a.Note(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte(`"$`)})
	testkit.Receive(t, out, "stats")
	r.Events.Add(notify.Event{Kind: "late"})
	r.End()
	rest := testkit.Receive(t, out, "the event") + testkit.Receive(t, out, "the stats")
	require.Contains(t, rest, "late")
	require.Contains(t, rest, "/stats")
	r.Begin("b", a)
	defer r.End()
	require.Contains(t, testkit.Receive(t, out, "another run"), `"$hermes/receiver/b/stats" "b"`)
}

func TestAReporterThatIsOffHasNoGoroutine(t *testing.T) {
	var interval atomic.Int64
	r, a, out := reported(t, &interval)
	r.Begin("a", a)
	require.Nil(t, r.run.ended)
	require.False(t, r.Active())
	interval.Store(int64(time.Hour))
	a.Note(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte(`"$`)})
	r.Changed()
	testkit.Receive(t, out, "stats")
	r.End()
}
