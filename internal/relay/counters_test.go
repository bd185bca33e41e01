package relay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestTheCountersAddUp(t *testing.T) {
	var c Counters
	b := batch.Get()
	defer b.Release()
	for range 10 {
		b.AppendFrame([]byte("frame"), false)
	}
	c.count(b, carrier.Tally{Sent: 4, SentBytes: 40, Unwanted: 1, NoPeer: 2, Dropped: 2, Unsent: 1, Held: time.Second})
	require.Equal(t, time.Second, c.Held())
	require.Equal(t, Counts{InMessages: 10, InBytes: uint64(b.Size()), OutMessages: 4, OutBytes: 40, Unwanted: 3, Dropped: 3}, c.Now())
	c.giveUp(3)
	n := c.Now()
	require.Equal(t, [2]uint64{1, 6}, [2]uint64{n.OutMessages, n.Dropped})
	c.giveUp(100) // the carrier counts a message for each of its subscribers
	n = c.Now()
	require.Equal(t, [2]uint64{0, 7}, [2]uint64{n.OutMessages, n.Dropped})
	require.Equal(t, n.InMessages, n.OutMessages+n.Unwanted+n.Dropped)
}
