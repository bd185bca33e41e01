package connectivity

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/notify"
)

// tracker is one of a receiver that connects to tcp://h:1, and the events that it gives.
func tracker(every time.Duration) (*Tracker, *[]notify.Event) {
	var c Tracker
	var events []notify.Event
	c.Init(`receiver "r"`, func(e notify.Event) { events = append(events, e) })
	c.every = every
	c.RetryEvery(func() time.Duration { return 2 * time.Second })
	c.Add(carrier.SUB, []string{"tcp://h:1", "tcp://h:1"})
	c.Begin()
	return &c, &events
}

// happen passes an event of its socket and returns the completed event.
func happen(c *Tracker, kind carrier.EventKind, cause carrier.Cause) notify.Event {
	out := notify.Event{Level: notify.Info}
	c.Note(carrier.SUB, carrier.Event{Kind: kind, Address: "tcp://h:1", Cause: cause, Reason: "a reason"}, false, &out)
	return out
}

func TestAWarningIsRepeatedOnceTheIntervalHasPassed(t *testing.T) {
	for every, warnings := range map[time.Duration]int{0: 3, time.Hour: 1} {
		c, events := tracker(every)
		for range 3 {
			happen(c, carrier.Retrying, carrier.CauseNoName)
		}
		require.Len(t, *events, warnings)
		e := (*events)[0]
		require.Equal(t, "unreachable", e.Kind)
		require.Equal(t, notify.Warning, e.Level)
		require.Contains(t, e.Text, `receiver "r": cannot connect to tcp://h:1: a reason`)
		require.Contains(t, c.Warning(), "the spelling of the host name")
		c.End()
	}
}

func TestAConnectionEndsTheProblem(t *testing.T) {
	c, events := tracker(time.Hour)
	defer c.End()
	require.Contains(t, c.Problem(), "no answer from tcp://h:1 yet")
	happen(c, carrier.Retrying, carrier.CauseRefused)
	require.Contains(t, c.Problem(), "no program listens there")
	require.Empty(t, c.Warning(), "it has not lasted")
	happen(c, carrier.Connected, carrier.CauseUnknown)
	require.Empty(t, c.Problem())
	require.Empty(t, *events)
}

func TestWhatWasWrongWhenTheStopBeganIsRemembered(t *testing.T) {
	c, _ := tracker(time.Hour)
	happen(c, carrier.Retrying, carrier.CauseRefused)
	c.End()
	require.Empty(t, c.Problem())
	require.Contains(t, c.ProblemAtEnd(), "no program listens there")
	c.Begin()
	require.Contains(t, c.Problem(), "no answer")
	c.End()
}

func TestRefusalsForTheSameReasonArePutTogether(t *testing.T) {
	c, _ := tracker(time.Hour)
	defer c.End()
	var said []string
	refuse := func(cause carrier.Cause, reason string) {
		out := notify.Event{Level: notify.Info}
		e := carrier.Event{Kind: carrier.HandshakeFailed, Address: "tcp://here:2", Cause: cause, Reason: reason}
		if c.Note(carrier.XSUB, e, true, &out) {
			said = append(said, fmt.Sprintf("%s %d %s", out.Level, out.Count, out.Text[strings.LastIndex(out.Text, ": ")+2:]))
		}
	}
	refuse(carrier.CauseNotZMTP, "one")
	refuse(carrier.CauseNotZMTP, "two")
	refuse(carrier.CauseOther, "full")
	refuse(carrier.CauseOther, "odd")
	refuse(carrier.CauseProbe, "probe")
	require.Equal(t, []string{"warning 0 one", "warning 0 full", "info 0 odd", "info 0 probe"}, said)
	for i := range 10 * maxRepeats { // no peer can fill the memory
		refuse(carrier.CauseOther, fmt.Sprint(i))
	}
	require.LessOrEqual(t, len(c.repeats), maxRepeats+1)
	require.LessOrEqual(t, len(said), maxRepeats+5)
	for _, l := range c.repeats {
		l.Expire() // an hour later
	}
	said = nil
	refuse(carrier.CauseNotZMTP, "three")
	require.Equal(t, []string{"info 2 three (2 times since the last report)"}, said)
}
