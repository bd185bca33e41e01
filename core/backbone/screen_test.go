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
	return len(route) > 0 && slices.Contains(w.sites, route[0])
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
	s.init(w, 1, set)
	return s
}

func TestTheFirstCopyOfWhatComesFromAnotherSiteStaysHere(t *testing.T) {
	w := &fakeWays{}
	s := newScreen(w, `"in/`)
	require.False(t, s.active.Load())
	s.route("me", map[uint64][]string{7: {"x", "y"}, 8: {"z"}})
	require.Equal(t, []string{"me", "x", "y", "z"}, w.own)
	require.True(t, s.active.Load())
	w.sites = []string{"y"}
	b := envelopes(t, "in/a", 1, 2)
	require.Same(t, b, admitted(t, s, 7, b, false), "x is no site, and may have publishers of its own")
	w.sites = []string{"x"}
	b = envelopes(t, "in/a", 3, 4)
	require.Same(t, b, admitted(t, s, 7, b, true))
	require.Nil(t, admitted(t, s, 7, b, true))
	require.EqualValues(t, 2, s.redundant())
	b = envelopes(t, "in/a", 5, 6)
	require.Same(t, b, admitted(t, s, 8, b, false), "it is no site")
	for range 2 {
		require.Same(t, b, admitted(t, s, 9, b, false), "a publisher")
	}
	plain := plainMessages(t, "in/a")
	require.Nil(t, admitted(t, s, 7, plain, true), "it comes over the backbone")
	plain = plainMessages(t, "out/a")
	require.Same(t, plain, admitted(t, s, 7, plain, true), "it may not enter over the backbone")
	s.route("", nil)
	require.Empty(t, w.own)
	require.False(t, s.active.Load())
}

func TestUntilAllRoutesAreKnownEverythingIsScreened(t *testing.T) {
	w := &fakeWays{overlaps: []uint64{2}, unknown: []uint64{1, 3}}
	s := newScreen(w)
	s.look()
	require.True(t, s.active.Load())
	require.Equal(t, []bool{true, true, false}, []bool{s.shared(2), s.shared(3), s.shared(4)})
	b := envelopes(t, "t", 1)
	require.Same(t, b, admitted(t, s, 9, b, false))
	require.Nil(t, admitted(t, s, 9, b, false))
	w.unknown = nil
	s.look()
	require.False(t, s.active.Load())
	require.False(t, s.shared(3))
}

// admitted is what a screen admits, which is for local receivers only or not.
func admitted(t *testing.T, s *screen, peer uint64, b *batch.Batch, local bool) *batch.Batch {
	out, only := s.admit(peer, b)
	require.Equal(t, local, only)
	return out
}

// plainMessages is an envelope without a number.
func plainMessages(t *testing.T, topic string) *batch.Batch {
	b := batch.Get()
	require.NoError(t, wire.Append(b, topic, []byte(`"o"`), []byte("1"), false))
	wire.Stamp(b, 1, false)
	return b
}

func TestOfSeveralWaysTheFirstCopyPasses(t *testing.T) {
	w := &fakeWays{overlaps: []uint64{1, 2}}
	s := newScreen(w)
	s.route("me", map[uint64][]string{7: {"x"}})
	require.True(t, s.active.Load())

	b := envelopes(t, "t", 5, 6)
	require.Same(t, b, admitted(t, s, 7, b, false))
	from := envelopes(t, "before", 1)
	from.AppendMessage(b.Message(1))
	from.AppendMessage(envelopes(t, "t", 7).Message(0))
	from.AppendMessage(envelopes(t, "u", 6).Message(0))
	require.Equal(t, 1, s.filter(from, []span{{1, 4}}))
	require.Equal(t, []uint32{1, 7, 6}, numbersOf(t, from))
	require.Zero(t, s.filter(from, nil), "no other site brings the same")
	require.Equal(t, 3, from.Len())

	out := admitted(t, s, 7, envelopes(t, "t", 6, 7, 8, 7, 9), false)
	require.Equal(t, []uint32{8, 9}, numbersOf(t, out))
	require.EqualValues(t, 3, s.redundant())
	require.Nil(t, admitted(t, s, 9, envelopes(t, "t", 9), false), "of a publisher as well")
	plain := plainMessages(t, "t")
	plain.AppendFrame([]byte("no envelope"), false)
	for range 2 {
		require.Same(t, plain, admitted(t, s, 7, plain, false), "what has no number passes")
	}
}
