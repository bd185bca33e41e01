package deadline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestACallerThatWaitsForAStopShortensTheNextOne(t *testing.T) {
	var s StopLimit
	number := s.Enqueue(time.Minute)
	s.Enqueue(-1)
	s.Begin(-1)
	left, _ := s.Left()
	require.InDelta(t, time.Minute, left, float64(time.Second*30))
	s.End()
	s.Dequeue(number)
	s.Begin(-1)
	left, _ = s.Left()
	require.Negative(t, left)
}

func TestALimitOnlyShrinks(t *testing.T) {
	var s StopLimit
	s.Shorten(0)
	s.Begin(time.Hour)
	s.Shorten(2 * time.Hour)
	s.Shorten(-1)
	left, shorter := s.Left()
	require.InDelta(t, time.Hour, left, float64(time.Minute))
	s.Shorten(time.Minute)
	testkit.Receive(t, shorter, "a shorter time")
	left, _ = s.Left()
	require.LessOrEqual(t, left, time.Minute)
	s.Begin(-1)
	left, _ = s.Left()
	require.Negative(t, left)
	s.Shorten(0)
	left, _ = s.Left()
	require.Zero(t, left)
}
