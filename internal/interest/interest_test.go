package interest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/natssubject"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

func newSet(t testing.TB, imports ...string) *Set {
	space, err := natssubject.New("hermes")
	require.NoError(t, err)
	var allowed [][]byte
	for _, i := range imports {
		allowed = append(allowed, []byte(i))
	}
	return New(space, allowed)
}

// word is a topic or a prefix of one, of few different segments, so that they meet.
func word(r *rand.Rand) string {
	const letters = "ab/\"\\.$"
	s := []string{"", `"`, `"`, `"a/`, `"$`}[r.IntN(5)]
	for range r.IntN(6) {
		s += string(letters[r.IntN(len(letters))])
	}
	return s
}

// receivers is the plain truth: how often each prefix is wanted.
type receivers map[string]int

// wants reports whether a topic begins with a prefix, and with one of imports.
func (m receivers) wants(topic string, imports []string) bool {
	begins := func(p string) bool {
		return strings.HasPrefix(topic, p) && systemtopic.Reaches([]byte(p), []byte(topic))
	}
	for p := range m {
		if begins(p) {
			return len(imports) == 0 || slices.ContainsFunc(imports, begins)
		}
	}
	return false
}

// afresh is the filters and prefixes of a new Set.
func (m receivers) afresh(t *testing.T, imports []string) (filters, prefixes []string) {
	s := newSet(t, imports...)
	for p := range m {
		s.Add([]byte(p))
	}
	b := s.Take()
	require.Empty(t, b.RemoveFilters)
	require.Empty(t, b.RemovePrefixes)
	slices.Sort(b.AddFilters)
	slices.Sort(b.AddPrefixes)
	return b.AddFilters, b.AddPrefixes
}

// matching is how many filters match a subject.
func matching(filters []string, subject string) (n int) {
	for _, f := range filters {
		if natssubject.Covers(f, subject) { // which natssubject compares with the rules of NATS
			n++
		}
	}
	return n
}

func TestEveryWantedTopicPassesTheFiltersOnceAfterAnyChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, imports := range [][]string{nil, {`"a/`}, {`"a/a`, `"b`, `"b/a`, "a"}, {`"$`, `"a`}} {
		s, m := newSet(t, imports...), receivers{}
		var filters, prefixes []string
		for range 150 {
			for range r.IntN(20) {
				if p := word(r); r.IntN(2) == 0 {
					s.Add([]byte(p))
					m[p]++
				} else if m[p] > 0 {
					s.Remove([]byte(p))
					if m[p]--; m[p] == 0 {
						delete(m, p)
					}
				}
			}
			b := s.Take()
			filters = applied(t, filters, b.AddFilters, b.RemoveFilters)
			prefixes = applied(t, prefixes, b.AddPrefixes, b.RemovePrefixes)
			compare(t, r, s, m, imports, filters, prefixes)
		}
	}
}

// compare holds the lists of all batches against the plain truth.
func compare(t *testing.T, r *rand.Rand, s *Set, m receivers, imports, filters, prefixes []string) {
	wantFilters, wantPrefixes := m.afresh(t, imports)
	if !slices.Equal(wantFilters, filters) || !slices.Equal(wantPrefixes, prefixes) {
		require.Equal(t, wantFilters, filters)
		require.Equal(t, wantPrefixes, prefixes)
	}
	require.ElementsMatch(t, filters, s.Filters())
	require.ElementsMatch(t, prefixes, s.Prefixes())
	for i, a := range filters {
		for j, b := range filters {
			require.False(t, i != j && natssubject.Covers(a, b), "%s covers %s", a, b)
		}
	}
	for range 20 {
		topic := word(r) + word(r)
		n := matching(filters, string(s.space.AppendSubject(nil, []byte(topic))))
		wanted := m.wants(topic, imports)
		require.LessOrEqual(t, n, 1, "%q", topic)
		require.False(t, wanted && n == 0, "%q is wanted and passes none of %q", topic, filters)
		begins := slices.ContainsFunc(prefixes, func(p string) bool {
			return strings.HasPrefix(topic, p) && systemtopic.Reaches([]byte(p), []byte(topic))
		})
		require.Equal(t, wanted, begins, "%q", topic)
	}
}

func TestAWholeTopicIsNotCoveredByOneThatBeginsItsName(t *testing.T) {
	s := newSet(t)
	s.Add([]byte(`"a"`))
	s.Add([]byte(`"ab"`))
	s.Add([]byte(`"a/`))
	b := s.Take()
	require.ElementsMatch(t, []string{"hermes.t.a", "hermes.t.ab", "hermes.t.a.>"}, b.AddFilters)
	s.Add(nil)
	b = s.Take()
	require.Equal(t, []string{""}, b.AddPrefixes)
	require.Len(t, b.RemovePrefixes, 3)
	require.ElementsMatch(t, []string{"hermes.t.>", "hermes.r.>"}, b.AddFilters)
	require.Len(t, b.RemoveFilters, 3)
}

func TestManyTopicsOfOneLevelShareItsFilter(t *testing.T) {
	s := newSet(t)
	for i := range MaxEntries + 1 {
		s.Add(fmt.Appendf(nil, `"ticks/%06d`, i))
	}
	b := s.Take()
	require.Equal(t, []string{"hermes.t.ticks.>"}, b.AddFilters)
	require.Equal(t, []string{""}, b.AddPrefixes, "each has a bound of its own")
}

func TestChangedTellsOfWhatTakeHasNotHandedOut(t *testing.T) {
	s := newSet(t)
	require.Empty(t, s.Changed())
	s.Add([]byte("a"))
	s.Add([]byte("b"))
	<-s.Changed()
	require.Empty(t, s.Changed())
	s.Add([]byte("b"))
	require.Empty(t, s.Changed(), "a second one changes nothing")
	s.Take()
	s.Remove([]byte("a"))
	<-s.Changed()
	s.Remove([]byte("never added"))
	require.Empty(t, s.Changed())
	b := s.Take()
	require.False(t, b.Empty())
	b = s.Take()
	require.True(t, b.Empty())
}

func TestReceiversMayChangeWhileBatchesAreTaken(t *testing.T) {
	s := newSet(t)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 2000 {
				s.Add(fmt.Appendf(nil, `"%d/%d/`, i, j))
				s.Remove(fmt.Appendf(nil, `"%d/%d/`, i, j-1))
			}
		})
	}
	over := make(chan struct{})
	go func() { all.Wait(); close(over) }()
	var prefixes []string
	for open := true; open; {
		select {
		case <-s.Changed():
		case <-over:
			open = false
		}
		b := s.Take()
		prefixes = applied(t, prefixes, b.AddPrefixes, b.RemovePrefixes)
	}
	require.Len(t, prefixes, 4)
}

func BenchmarkAdd100000Prefixes(b *testing.B) {
	for range b.N {
		s := newSet(b)
		for i := range 100_000 {
			s.Add(fmt.Appendf(nil, `"area%d/sensor%d/`, i%100, i))
		}
		batch := s.Take()
		b.ReportMetric(float64(len(batch.AddFilters)), "filters")
	}
}

func BenchmarkOneChangeAmong100000(b *testing.B) {
	s := newSet(b)
	for i := range 100_000 {
		s.Add(fmt.Appendf(nil, `"area%d/sensor%d/`, i%100, i))
	}
	s.Take()
	p := []byte(`"area5/other/`)
	for b.Loop() {
		s.Add(p)
		s.Take()
		s.Remove(p)
		s.Take()
	}
}

func BenchmarkEverythingAndBackAmong100000(b *testing.B) {
	s := newSet(b)
	for i := range 100_000 {
		s.Add(fmt.Appendf(nil, `"area%d/sensor%d/`, i%100, i))
	}
	s.Take()
	for b.Loop() {
		s.Add(nil)
		s.Take()
		s.Remove(nil)
		s.Take()
	}
}
