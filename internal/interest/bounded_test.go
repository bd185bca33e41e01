package interest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBeyondTheBoundEverythingIsWantedUntilThereAreAQuarterFewer(t *testing.T) {
	b := bounded{everything: []string{"x", "y"}}
	told := []string{}
	step := func() int {
		added, removed := b.limit(b.settle())
		told = applied(t, told, added, removed)
		now := b.now()
		slices.Sort(now)
		require.Equal(t, now, told)
		return len(added) + len(removed)
	}
	name := func(i int) []byte { return fmt.Appendf(nil, "y%06d", i) }
	for i := range MaxEntries {
		b.add(name(i))
	}
	require.Equal(t, MaxEntries, step())
	b.add(name(MaxEntries))
	require.Equal(t, MaxEntries+2, step())
	require.Equal(t, []string{"x", "y"}, told)
	b.remove(name(0))
	require.Zero(t, step(), "one fewer changes nothing")
	b.add([]byte("x"))
	require.Zero(t, step())
	for i := range MaxEntries/4 + 2 {
		b.remove(name(i))
	}
	require.Equal(t, MaxEntries*3/4, step(), "x stays, y goes")
	require.Equal(t, "x", told[0])
}

func TestTheBoundCountsBytesToo(t *testing.T) {
	b := bounded{everything: []string{""}}
	long := strings.Repeat("a", MaxBytes/4)
	for i := range 5 {
		b.add([]byte(string(rune('a'+i)) + long))
	}
	added, removed := b.limit(b.settle())
	require.Equal(t, []string{""}, added)
	require.Empty(t, removed)
	require.Equal(t, []string{""}, b.now())
}
