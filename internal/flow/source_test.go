package flow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPeerFollowsForAWhileAfterItsLastMessage(t *testing.T) {
	s := New(1, "tcp://a", true)
	require.False(t, s.Follows(7))
	require.Negative(t, s.LastSent())
	s.Follow(7, time.Second)
	s.Follow(8, time.Second)
	require.True(t, s.Follows(7))
	s.Follow(8, time.Second+followFor)
	s.Sent(time.Second + followFor)
	require.True(t, s.Follows(7), "no longer ago than that")
	s.Follow(8, time.Second+followFor+1)
	s.Sent(time.Second + followFor + 1)
	require.False(t, s.Follows(7))
	require.True(t, s.Follows(8), "a publisher that is held back sends nothing: its followers stay")
}

func TestPeersThatAreGoneAreForgotten(t *testing.T) {
	s := New(1, "tcp://a", true)
	for i := range 100_000 {
		s.Follow(uint64(i), time.Duration(i)*time.Second)
	}
	require.LessOrEqual(t, len(s.followers), 3*fewFollowers)
}

func TestTheAccountOfAPublisherThatIsHeldBack(t *testing.T) {
	s := New(1, "tcp://a", true)
	require.False(t, s.End(5), "it was not held back")
	s.Begin(3, 10)
	require.Equal(t, Held{Total: 4, By: 3}, s.Held(14))
	s.Begin(4, 15)
	require.Equal(t, Held{Total: 6, By: 4}, s.Held(16), "the same wait, for another peer")
	require.True(t, s.End(20))
	require.Equal(t, Held{Total: 10, By: 4}, s.Held(30))
	s.Begin(3, 40)
	require.True(t, s.End(41))
	require.Equal(t, Held{Total: 11, By: 3}, s.Held(50))
}
