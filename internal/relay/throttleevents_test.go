package relay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/notify"
)

// quiescent is a throttleEvents whose looks the test makes, and what it has told.
func quiescent() (*throttleEvents, *[]notify.Event) {
	t, events := &throttleEvents{running: true}, &[]notify.Event{}
	t.begin("post office", func(uint64) string { return "tcp://slow" }, func(e notify.Event) { *events = append(*events, e) })
	return t, events
}

// wait adds a wait to an account.
func wait(s *flow.Source, d time.Duration) {
	s.Begin(7, 0)
	s.End(d)
}

func TestAPublisherThatIsHeldBackIsToldOfWhenItBeginsAndWhenItIsOver(t *testing.T) {
	r, events := quiescent()
	s := flow.New(3, "tcp://publisher", true)
	r.hold(s)
	wait(s, lookEvery/2)
	require.True(t, r.look(0))
	require.Equal(t, []notify.Event{{Kind: "throttled", Level: notify.Info, Address: "tcp://publisher", Peer: 3,
		Text: "post office: the publisher at tcp://publisher is held back, because the subscriber at tcp://slow does not keep up"}}, *events)
	wait(s, lookEvery/2)
	r.hold(s)
	require.True(t, r.look(0))
	require.Len(t, *events, 1, "it is known")
	for range overAfter/lookEvery - 1 {
		require.True(t, r.look(0))
	}
	wait(s, 1)
	require.True(t, r.look(0), "once more, and only just")
	for range overAfter/lookEvery - 1 {
		require.True(t, r.look(0))
		require.Len(t, *events, 1)
	}
	require.False(t, r.look(0))
	require.Equal(t, notify.Event{Kind: "unthrottled", Level: notify.Info, Address: "tcp://publisher", Peer: 3,
		Text: "post office: the publisher at tcp://publisher is no longer held back; it was for 0.5 s"}, (*events)[1])
}

func TestMomentsAreNotToldOf(t *testing.T) {
	r, events := quiescent()
	s := flow.New(3, "tcp://publisher", true)
	for range 100 {
		r.hold(s)
		wait(s, lookEvery/10-1)
		r.look(0)
	}
	require.False(t, r.look(0))
	require.Empty(t, *events)
}

func TestAWaitUnderWayCounts(t *testing.T) {
	r, events := quiescent()
	s := flow.New(3, "tcp://publisher", true)
	s.Begin(7, 0)
	r.hold(s)
	require.True(t, r.look(flow.Now()+lookEvery))
	require.Len(t, *events, 1)
}

func TestTheGoroutineRunsOnlyWhileItIsNeeded(t *testing.T) {
	r, events := quiescent()
	r.running = false
	s := flow.New(3, "tcp://publisher", true)
	r.hold(s)
	wait(s, time.Hour)
	for told := false; !told; time.Sleep(time.Millisecond) {
		r.mu.Lock()
		told = len(*events) > 0
		r.mu.Unlock()
	}
	r.stop()
	r.stop()
	r.hold(flow.New(4, "", true))
	require.Len(t, r.sources, 1, "nothing is looked at after the end")
}
