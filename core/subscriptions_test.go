package core

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAReceiverCannotFollowMoreThanAPeerAllows(t *testing.T) {
	var s subscriptions
	for i := range followedPrefixes {
		require.NoError(t, s.add(fmt.Appendf(nil, "%d", i)))
	}
	code(t, EINVAL, s.add([]byte("one too many")), "262144")
	require.NoError(t, s.add([]byte("7")), "once more is no more")
	_, err := s.remove([]byte("8"))
	require.NoError(t, err)
	code(t, EINVAL, s.add(make([]byte, followedBytes)), "bytes")
	require.NoError(t, s.add([]byte("one too many")))
}
