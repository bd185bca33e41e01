package streamtable

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStreamsInUseAreRemembered(t *testing.T) {
	const most = 100
	g, h := NewGenerations(most), NewHash()
	key := func(i int) Key { return h.Key(fmt.Appendf(nil, "%d", i)) }
	n, known := g.Find(key(-1))
	require.False(t, known)
	*n = 5
	for i := range 10 * most {
		g.Find(key(i))
		if i%(most/2) == 0 {
			n, known = g.Find(key(-1))
			require.True(t, known)
			require.EqualValues(t, 5+i/(most/2), *n)
			*n++
		}
		require.LessOrEqual(t, g.Len(), 2*most)
	}
	_, known = g.Find(key(0))
	require.False(t, known)
}

func TestTheLastStreamsAreRemembered(t *testing.T) {
	const most = 100
	g, h := NewGenerations(most), NewHash()
	for i := range 1000 {
		g.Find(h.Key(fmt.Appendf(nil, "%d", i)))
	}
	for i := 1000 - most; i < 1000; i++ {
		_, known := g.Find(h.Key(fmt.Appendf(nil, "%d", i)))
		require.True(t, known)
	}
}
