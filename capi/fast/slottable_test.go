package fast

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// TestEveryOpenHandleHasAStagingBuffer: over the ends of chunks, and with the highest slot.
func TestEveryOpenHandleHasAStagingBuffer(t *testing.T) {
	var handles []handle.Handle
	for _, slot := range []handle.Handle{1, 2, 1023, 1024, 1025, 4095, 4096, 8191, 8192, 1<<24 - 1} {
		handles = append(handles, 1<<48|slot)
	}
	var stagers []*Stager
	for _, h := range handles {
		s := NewStager(h)
		require.NotNil(t, s)
		defer s.Close()
		require.True(t, s.Open([]byte(origin), wire.LastFrame(false), -1))
		require.False(t, stage(h, []byte("t"), nil, []byte("1")), "it is closed until the first swap")
		swap(s)
		stagers = append(stagers, s)
	}
	for i, h := range handles {
		for range i + 1 {
			require.True(t, stage(h, []byte("t"), nil, []byte("1")), h)
		}
	}
	for i, s := range stagers {
		_, ends := swap(s)
		require.Len(t, ends, i+1)
	}
}

// TestASlotThatIsUsedAgainBelongsToTheNewHandle: the handle before, and its stager, reach
// nothing any more.
func TestASlotThatIsUsedAgainBelongsToTheNewHandle(t *testing.T) {
	const before, after = handle.Handle(1<<48 | 77), handle.Handle(1<<48 | 1<<24 | 77)
	old := NewStager(before)
	require.True(t, old.Open([]byte(origin), wire.LastFrame(false), -1))
	swap(old)
	require.True(t, stage(before, []byte("t"), nil, []byte("1")))

	s := NewStager(after) // though the one before was not dropped
	defer s.Close()
	require.True(t, s.Open([]byte(origin), wire.LastFrame(false), -1))
	swap(s)
	require.False(t, stage(before, []byte("t"), nil, []byte("1")))
	require.False(t, old.Open([]byte(origin), wire.LastFrame(false), -1))
	old.Close()
	require.True(t, stage(after, []byte("t"), nil, []byte("1")))
	_, ends := swap(old)
	require.Empty(t, ends)
	_, ends = swap(s)
	require.Len(t, ends, 1)
}

// TestNothingIsStagedBeyondTheAllowance: in envelopes, in bytes, and in bytes of one.
func TestNothingIsStagedBeyondTheAllowance(t *testing.T) {
	s := newStager(t)
	stages := func() bool { return stage(publisher, []byte("t"), nil, []byte("12345")) }
	for _, c := range []struct {
		allowance sendqueue.Allowance
		n         int
	}{
		{sendqueue.Allowance{}, 0},
		{sendqueue.Allowance{Messages: 3, Bytes: 1 << 20, Each: 100}, 3},
		{sendqueue.Allowance{Messages: 3, Bytes: 0, Each: 100}, 0},
		{sendqueue.Allowance{Messages: 3, Bytes: 1 << 20, Each: 10}, 0},
		{sendqueue.Allowance{Messages: 1 << 40, Bytes: 1 << 40, Each: 1 << 40}, 1000},
	} {
		s.Collect(c.allowance)
		n := 0
		for n < 1000 && stages() {
			n++
		}
		require.Equal(t, min(c.n, len(messagesOf(s))), n)
		require.Equal(t, c.n == 0, n == 0)
	}
}

// messagesOf are the messages that have been staged.
func messagesOf(s *Stager) []uint32 {
	_, ends := s.Collect(sendqueue.Allowance{})
	return ends
}
