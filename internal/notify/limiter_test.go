package notify

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALimiterLetsOneThroughASecondAndCountsTheOthers(t *testing.T) {
	var l Limiter
	now := time.Now()
	n, pass := l.Pass(now, 2)
	require.True(t, pass, "the first")
	require.EqualValues(t, 2, n)
	for range 3 {
		_, pass = l.Pass(now.Add(999*time.Millisecond), 5)
		require.False(t, pass)
	}
	require.EqualValues(t, 15, l.Pending())
	n, pass = l.Pass(now.Add(time.Second), 1)
	require.True(t, pass)
	require.EqualValues(t, 16, n)
	require.Zero(t, l.Pending())
	_, pass = l.PassEvery(WarnEvery, now.Add(2*time.Second), 1)
	require.True(t, pass)
	_, pass = l.PassEvery(WarnEvery, now.Add(time.Minute), 1)
	require.False(t, pass, "a minute has not passed since")
}
