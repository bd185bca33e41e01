package interest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tops is the plain truth: the keys that no other key begins.
func tops(m map[string]int) []string {
	all := []string{}
	for s := range m {
		top := true
		for n := range len(s) {
			top = top && m[s[:n]] == 0
		}
		if top {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return all
}

// applied carries out a change of a sorted list, and demands that all of it is one.
func applied(t *testing.T, list, added, removed []string) []string {
	have := set(list)
	for _, s := range added {
		require.False(t, have[s], "%q is added twice", s)
		have[s] = true
	}
	for _, s := range removed {
		require.True(t, have[s], "%q is removed and was never there", s)
		require.NotContains(t, added, s)
		delete(have, s)
	}
	out := keys(have)
	slices.Sort(out)
	return out
}

func TestTheTopsAreThoseOfTheSetHoweverOftenTheyAreSettled(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, most := range []int{1, 3, 30, 300} {
		var a antichain
		m, told := map[string]int{}, []string{}
		for range 400 {
			for range r.IntN(most) + 1 {
				s := strings.Repeat("a", r.IntN(6))
				for range r.IntN(4) {
					s += string("ab"[r.IntN(2)])
				}
				if r.IntN(2) == 0 {
					a.add([]byte(s))
					m[s]++
					continue
				}
				a.remove([]byte(s))
				if m[s]--; m[s] <= 0 {
					delete(m, s)
				}
			}
			if r.IntN(100) == 0 {
				a.whole, a.changed = true, nil
			}
			added, removed := a.settle()
			told = applied(t, told, added, removed)
			if !slices.Equal(tops(m), told) {
				require.Equal(t, tops(m), told)
			}
		}
	}
}

func TestWhatComesAndGoesBetweenTwoSettlesIsNoChange(t *testing.T) {
	var a antichain
	a.add([]byte("ab"))
	a.settle()
	a.add([]byte("a"))
	a.remove([]byte("a"))
	a.remove([]byte("ab"))
	a.add([]byte("ab"))
	added, removed := a.settle()
	require.Empty(t, added)
	require.Empty(t, removed)
}

func TestMoreChangesThanAreKeptAreComparedAsAWhole(t *testing.T) {
	var a antichain
	for i := range maxChanged + 10 {
		s := []byte{byte(i >> 16), byte(i >> 8), byte(i)}
		a.add(s)
		a.remove(s)
	}
	require.True(t, a.whole)
	require.Empty(t, a.changed)
	a.add([]byte("x"))
	added, removed := a.settle()
	require.Equal(t, []string{"x"}, added)
	require.Empty(t, removed)
	require.False(t, a.whole)
}
