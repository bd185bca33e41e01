package trie

import (
	"bytes"
	"math/rand/v2"
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

func TestAgainstModel(t *testing.T) {
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
