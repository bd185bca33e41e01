package trie

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// model is the plain truth that Set is compared with.
type model map[string]int

func (m model) match(topic []byte) bool {
	for p := range m {
		if bytes.HasPrefix(topic, []byte(p)) {
			return true
		}
	}
	return false
}

func (m model) bytes() (n int) {
	for p := range m {
		n += len(p)
	}
	return n
}

// apply does the same to both and compares everything that can be seen.
func apply(t *testing.T, s *Set, m model, add bool, prefix []byte) {
	key := string(prefix)
	if add {
		m[key]++
		require.Equal(t, m[key] == 1, s.Add(prefix), "Add(%q)", prefix)
	} else {
		known := m[key] > 0
		m[key]--
		last := m[key] == 0
		if m[key] <= 0 {
			delete(m, key)
		}
		gotLast, gotKnown := s.Remove(prefix)
		require.Equal(t, known, gotKnown, "Remove(%q)", prefix)
		require.Equal(t, last, gotLast, "Remove(%q)", prefix)
	}
	require.Equal(t, m[key], s.Count(prefix))
	require.Equal(t, len(m), s.Len())
	require.Equal(t, m.bytes(), s.Bytes())
	require.Equal(t, m[""] > 0, s.All())
	for _, topic := range [][]byte{prefix, append(prefix[:len(prefix):len(prefix)], 'a'), prefix[:len(prefix)/2]} {
		require.Equal(t, m.match(topic), s.Match(topic), "Match(%q)", topic)
	}
}

func compareAll(t *testing.T, s *Set, m model) {
	seen := model{}
	s.Each(func(p []byte, count int) { seen[string(p)] = count })
	require.Equal(t, m, seen)
}

func TestSetAgreesWithAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		var s Set
		m := model{}
		stretch := 1 + random.IntN(2)*400 // long labels reach the limit of a node
		for range 250 {
			prefix := make([]byte, random.IntN(6)*stretch)
			for i := range prefix {
				prefix[i] = 'a' + byte(i%7)
			}
			for range random.IntN(4) { // a few branches
				if len(prefix) > 0 {
					prefix[random.IntN(len(prefix))] = 'a' + byte(random.IntN(3))
				}
			}
			apply(t, &s, m, random.IntN(2) == 0, prefix)
			if random.IntN(3) == 0 {
				for p := range m { // take away something that is there
					apply(t, &s, m, false, []byte(p))
					break
				}
			}
		}
		compareAll(t, &s, m)
	}
}

// FuzzSet reads its input as a list of operations: a byte whose lowest bit says
// add or remove and whose rest says how long a prefix follows, times 40 with the
// highest bit set, so that short inputs reach long labels.
func FuzzSet(f *testing.F) {
	f.Add([]byte("\x04ab\x06abc\x05ab\x07abc"))
	f.Add([]byte("\x00\x01\x01\x02a\x03a"))
	f.Add([]byte("\xfeabcd\x86ab\xffabcd\x87ab"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var s Set
		m := model{}
		for len(in) > 0 && len(m) < 64 {
			op := in[0]
			in = in[1:]
			n := min(int(op>>1&0x3f), len(in))
			prefix := in[:n:n]
			in = in[n:]
			if op&0x80 != 0 {
				prefix = bytes.Repeat(prefix, 40)
			}
			apply(t, &s, m, op&1 == 0, prefix)
		}
		compareAll(t, &s, m)
	})
}

func TestPrefixesAreCounted(t *testing.T) {
	var s Set
	require.True(t, s.Add([]byte("ab")))
	require.False(t, s.Add([]byte("ab")))
	require.Equal(t, 2, s.Count([]byte("ab")))
	require.Equal(t, 0, s.Count([]byte("a")))

	last, known := s.Remove([]byte("ab"))
	require.False(t, last)
	require.True(t, known)
	require.True(t, s.Match([]byte("abc")))

	last, known = s.Remove([]byte("ab"))
	require.True(t, last)
	require.True(t, known)
	require.False(t, s.Match([]byte("abc")))

	last, known = s.Remove([]byte("ab"))
	require.False(t, last)
	require.False(t, known)
}

func TestMatch(t *testing.T) {
	var s Set
	require.False(t, s.Match(nil))
	for _, p := range []string{"ticks/", "ticks/aapl", "tock", "x"} {
		s.Add([]byte(p))
	}
	for topic, want := range map[string]bool{
		"": false, "t": false, "ticks": false, "ticks/": true, "ticks/msft": true, "ticks/aapl": true,
		"toc": false, "tock": true, "tocks": true, "tockk": true, "tics/": false, "x": true, "xyz": true, "y": false,
	} {
		require.Equal(t, want, s.Match([]byte(topic)), "topic %q", topic)
	}
	require.False(t, s.All())
	s.Add(nil)
	require.True(t, s.All())
	require.True(t, s.Match(nil))
	require.True(t, s.Match([]byte("y")))
}

func TestSizes(t *testing.T) {
	var s Set
	for _, p := range []string{"", "abc", "abcdef", "abc"} {
		s.Add([]byte(p))
	}
	require.Equal(t, 3, s.Len())
	require.Equal(t, 9, s.Bytes())
	seen := map[string]int{}
	s.Each(func(p []byte, count int) { seen[string(p)] = count })
	require.Equal(t, map[string]int{"": 1, "abc": 2, "abcdef": 1}, seen)
}

// TestRemovalLeavesNoNodesBehind takes apart what it built, in another order, and looks for leftovers.
func TestRemovalLeavesNoNodesBehind(t *testing.T) {
	long := strings.Repeat("l", 5*maxLabel)
	prefixes := []string{"a", "ab", "abc", "abd", "ac", "b", long, long[:maxLabel], long[:maxLabel+1], long[:7], long + "x", long + "y"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s Set
		s.Add([]byte("keep"))
		for _, i := range random.Perm(len(prefixes)) {
			s.Add([]byte(prefixes[i]))
		}
		for _, i := range random.Perm(len(prefixes)) {
			last, _ := s.Remove([]byte(prefixes[i]))
			require.True(t, last)
		}
		require.Equal(t, 1, s.Len())
		require.Equal(t, 4, s.Bytes())
		require.Len(t, s.root.fork.kids, 1)
		require.Equal(t, "keep", s.root.fork.kids[0].label, "one node is left")
	}
}

func TestAddKeepsNoReference(t *testing.T) {
	var s Set
	p := []byte("abc")
	s.Add(p)
	copy(p, "xyz")
	require.True(t, s.Match([]byte("abc")))
	require.False(t, s.Match([]byte("xyz")))
}

// TestMemory holds the promise that a peer's prefixes cost little more than their bytes.
func TestMemory(t *testing.T) {
	const size = 8 << 20
	prefix := bytes.Repeat([]byte("p"), size)
	var s Set
	before := heap()
	s.Add(prefix)
	one := heap() - before
	require.Less(t, one, int64(size)*14/10, "one long prefix")

	// Short prefixes of the long one split it; when they are gone so is their cost.
	for i := 1; i < 1000; i++ {
		s.Add(prefix[:i*100])
	}
	for i := 1; i < 1000; i++ {
		s.Remove(prefix[:i*100])
	}
	require.Less(t, heap()-before, int64(size)*14/10, "after splitting and joining")

	// A short rest of a long prefix pins nothing of it.
	s.Add(prefix[:10])
	s.Remove(prefix)
	require.Less(t, heap()-before, int64(size)/10, "the long prefix is gone")
	runtime.KeepAlive(&s)
}

func TestMemoryOfManyShort(t *testing.T) {
	const n = 100_000
	var s Set
	before := heap()
	for i := range n {
		s.Add(fmt.Appendf(nil, "topic/%06d", i))
	}
	require.Less(t, heap()-before, int64(n*160))
	for i := range n {
		s.Remove(fmt.Appendf(nil, "topic/%06d", i))
	}
	require.Less(t, heap()-before, int64(64<<10))
	runtime.KeepAlive(&s)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 100, 10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var s Set
			for i := range n {
				s.Add(fmt.Appendf(nil, `"ticks/%07d`, i))
			}
			topic := []byte(fmt.Sprintf(`"ticks/%07d/more"`, n/2))
			b.ReportAllocs()
			for b.Loop() {
				if !s.Match(topic) {
					b.Fatal("no match")
				}
			}
		})
	}
}

// TestUnder compares Under and Tops with a walk over everything.
func TestUnder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	word := func() []byte {
		w := make([]byte, random.IntN(8))
		for i := range w {
			w[i] = "ab"[random.IntN(2)]
		}
		return w
	}
	var s Set
	m := model{}
	for range 3000 {
		w := word()
		if random.IntN(3) > 0 {
			s.Add(w)
			m[string(w)]++
		} else if s.Remove(w); m[string(w)] > 1 {
			m[string(w)]--
		} else {
			delete(m, string(w))
		}
		stem := word()
		var want, got, tops, gotTops []string
		for p := range m {
			if bytes.HasPrefix([]byte(p), stem) {
				want = append(want, p)
			}
		}
		slices.Sort(want) // a prefix stands before what it begins
		for _, p := range want {
			if len(tops) == 0 || !strings.HasPrefix(p, tops[len(tops)-1]) {
				tops = append(tops, p)
			}
		}
		s.Under(stem, func(p []byte) { got = append(got, string(p)) })
		s.Tops(stem, func(p []byte) { gotTops = append(gotTops, string(p)) })
		slices.Sort(got)
		slices.Sort(gotTops)
		if !slices.Equal(want, got) || !slices.Equal(tops, gotTops) {
			require.Equal(t, want, got, "%q", stem)
			require.Equal(t, tops, gotTops, "%q", stem)
		}
	}
}
