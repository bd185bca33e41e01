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
	for i, topic := range []string{"d", "e", "d", "f"} {
		put(topic, 6+i)
	}
	require.Equal(t, 7, *n.Oldest())
	var all []int
	n.Each(func(v *int) {
		*v += 10
		all = append(all, *v)
	})
	require.Equal(t, []int{17, 18, 19}, all)
	require.Equal(t, 17, n.Pop())
}

// Topics that come and go do not need memory for their places.
func TestNewestUsesPlacesAgain(t *testing.T) {
	var n Newest[[8]int]
	n.Put([]byte("a"), [8]int{})
	topics := [][]byte{[]byte("b"), []byte("c")}
	at := 0
	put := func() {
		n.Put(topics[at%2], [8]int{at})
		n.Pop()
		at++
	}
	require.LessOrEqual(t, testing.AllocsPerRun(100, put), 1.0, "the text of the topic")
}
