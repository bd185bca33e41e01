package relay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// evicting is an outlet that removes messages from the queues of its peers.
type evicting struct {
	fakeOutlet
	old, conflated uint64
}

func (o *evicting) Removed() (old, conflated uint64) { return o.old, o.conflated }

// TestWhatOutletsRemoveIsCountedOverAllRuns: beside the sums, and with outlets that remove
// nothing in between.
func TestWhatOutletsRemoveIsCountedOverAllRuns(t *testing.T) {
	var c Counters
	removed := func() [2]uint64 { n := c.Now(); return [2]uint64{n.DroppedOld, n.DroppedConflated} }
	first, second := &evicting{}, &evicting{old: 1}
	c.follow(first)
	first.old, first.conflated = 3, 4
	require.Equal(t, [2]uint64{3, 4}, removed())
	c.follow(&fakeOutlet{})
	require.Equal(t, [2]uint64{3, 4}, removed())
	c.follow(second)
	second.conflated = 5
	require.Equal(t, [2]uint64{4, 9}, removed())
	require.Equal(t, Counts{DroppedOld: 4, DroppedConflated: 9}, c.Now())
}

func TestTheCountersAddUp(t *testing.T) {
	var c Counters
	b := batch.Get()
	defer b.Release()
	for range 10 {
		b.AppendFrame([]byte("frame"), false)
	}
	c.count(b, carrier.Tally{Sent: 4, SentBytes: 40, Unwanted: 1, NoPeer: 2, Dropped: 2, Unsent: 1})
	require.Equal(t, Counts{InMessages: 10, InBytes: uint64(b.Size()), OutMessages: 4, OutBytes: 40, Unwanted: 3, Dropped: 3}, c.Now())
	c.giveUp(3)
	n := c.Now()
	require.Equal(t, [2]uint64{1, 6}, [2]uint64{n.OutMessages, n.Dropped})
	c.giveUp(100) // the carrier counts a message for each of its subscribers
	n = c.Now()
	require.Equal(t, [2]uint64{0, 7}, [2]uint64{n.OutMessages, n.Dropped})
	require.Equal(t, n.InMessages, n.OutMessages+n.Unwanted+n.Dropped)
}

// TestTheTimeOfWaitsNeverDecreases: those under way count until now, and none counts twice.
func TestTheTimeOfWaitsNeverDecreases(t *testing.T) {
	var c Counters
	require.Zero(t, c.Held())
	var last time.Duration
	for range 1000 {
		c.holdBegins()
		c.holdBegins()
		during := c.Held()
		c.holdEnds()
		c.holdEnds()
		require.LessOrEqual(t, last, during)
		require.LessOrEqual(t, during, c.Held())
		last = c.Held()
		require.Equal(t, last, c.Held(), "nothing waits")
	}
	require.Positive(t, last)
}
