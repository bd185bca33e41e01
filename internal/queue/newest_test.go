package queue

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewestKeepsOneOfEachTopicInTheirOrder(t *testing.T) {
	var n Newest[int]
	put := func(topic string, v int) (int, bool) { return n.Put([]byte(topic), v) }
	for i, topic := range []string{"a", "b", "c"} {
		_, replaced := put(topic, i)
		require.False(t, replaced)
	}
	old, replaced := put("a", 3)
	require.True(t, replaced)
	require.Equal(t, 0, old)
	old, replaced = put("c", 4) // was in the middle by now
	require.True(t, replaced)
	require.Equal(t, 2, old)
	require.Equal(t, 3, n.Len())
	require.Equal(t, []int{1, 3, 4}, []int{n.Pop(), n.Pop(), n.Pop()}, "b, a, c: a replaced one is the youngest again")
	require.Zero(t, n.Len())
	put("a", 5)
	require.Equal(t, 5, n.Pop(), "after it was empty")
}
