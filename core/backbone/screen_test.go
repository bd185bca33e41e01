package backbone

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/trie"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// fakeWays is what a test says of post offices.
type fakeWays struct {
	own      []string
	sites    []string
	overlaps []uint64
	unknown  []uint64
}

func (w *fakeWays) Route(offices []string) { w.own = offices }
func (w *fakeWays) Redundant(route []string) bool {
	return slices.ContainsFunc(route, func(o string) bool { return slices.Contains(w.sites, o) })
}
func (w *fakeWays) Settled(run uint64) bool  { return !slices.Contains(w.unknown, run) }
func (w *fakeWays) Overlaps(run uint64) bool { return slices.Contains(w.overlaps, run) }

// envelopes is one batch of envelopes of a topic with these numbers.
func envelopes(t *testing.T, topic string, numbers ...uint32) *batch.Batch {
	b := batch.Get()
	for _, n := range numbers {
		require.NoError(t, wire.Append(b, topic, []byte(`"o"`), []byte("1"), true))
		wire.Number(b, b.Len()-1, wire.Sequence{Incarnation: 1, Number: n})
	}
	wire.Stamp(b, 1, true)
	return b
}

func numbersOf(t *testing.T, b *batch.Batch) (out []uint32) {
	for i := range b.Len() {
		seq, ok := wire.SequenceOf(b.Message(i))
		require.True(t, ok)
		out = append(out, seq.Number)
	}
	return out
}

func newScreen(w ways, imports ...string) *screen {
	s, set := &screen{}, &trie.Set{}
	for _, p := range imports {
		set.Add([]byte(p))
	}
	s.init(w, set)
	return s
}

func TestWhatComesThroughAnotherSiteIsDroppedWhereItArrives(t *testing.T) {
	w := &fakeWays{}
	s := newScreen(w, `"in/`)
	require.False(t, s.active.Load())
	s.route("me", map[uint64][]string{7: {"x", "y"}, 8: {"z"}})
	require.Equal(t, []string{"me", "x", "y", "z"}, w.own)
	require.True(t, s.active.Load())
	w.sites = []string{"y"}

	b := envelopes(t, "in/a", 1, 2)
	require.Nil(t, s.admit(7, b))
	require.EqualValues(t, 2, s.redundant())
	require.Same(t, b, s.admit(9, b), "a publisher")
	require.Same(t, b, s.admit(8, b), "no site is behind it")
	other := envelopes(t, "out/a", 1, 2)
	require.Same(t, other, s.admit(7, other), "it may not enter over the backbone")
	s.away.Store(true)
	b = envelopes(t, "in/a", 3)
	require.Same(t, b, s.admit(7, b), "it comes over the backbone no more")
	s.away.Store(false)
	w.sites = nil
	b = envelopes(t, "in/a", 4)
	require.Same(t, b, s.admit(7, b))
	s.route("", nil)
	require.Empty(t, w.own)
	require.False(t, s.active.Load())
}

func TestOfSeveralWaysTheFirstCopyPasses(t *testing.T) {
	w := &fakeWays{}
	s := newScreen(w)
	s.route("me", map[uint64][]string{7: {"x"}})

	b := envelopes(t, "t", 5, 6)
	require.Same(t, b, s.admit(7, b))
	from := envelopes(t, "before", 1)
	from.AppendMessage(b.Message(1))
	from.AppendMessage(envelopes(t, "t", 7).Message(0))
	from.AppendMessage(envelopes(t, "u", 6).Message(0))
	require.EqualValues(t, 1, s.filter(2, from, 1))
	require.Equal(t, []uint32{1, 7, 6}, numbersOf(t, from))

	out := s.admit(7, envelopes(t, "t", 6, 7, 8, 7, 9))
	require.Equal(t, []uint32{8, 9}, numbersOf(t, out))
	require.EqualValues(t, 3, s.redundant())
	plain := batch.Get()
	require.NoError(t, wire.Append(plain, "t", []byte(`"o"`), []byte("1"), false))
	wire.Stamp(plain, 1, false)
	plain.AppendFrame([]byte("no envelope"), false)
	for range 2 {
		require.Same(t, plain, s.admit(7, plain), "what has no number passes")
	}
}

func TestWhatOneSiteAloneBringsIsNotScreened(t *testing.T) {
	w := &fakeWays{overlaps: []uint64{2}, unknown: []uint64{3}}
	s := newScreen(w)
	for run, removed := range map[uint64]uint64{1: 0, 2: 2, 3: 2} {
		b := envelopes(t, "t", 1, 2)
		s.filter(run, b, 0)
		b = envelopes(t, "t", 1, 2)
		require.Equal(t, removed, s.filter(run, b, 0))
		require.EqualValues(t, 2-removed, b.Len())
		s.seen.Reset()
	}
}
