package sendqueue

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// numbered builds a batch of one envelope for each topic and numbers it.
func numbered(t *testing.T, n *sequencer, topics ...string) (out []wire.Sequence) {
	b := batch.Get()
	defer b.Release()
	for _, topic := range topics {
		require.NoError(t, wire.Append(b, topic, []byte(`"o"`), []byte(`1`), true))
	}
	n.number(b)
	for i := range b.Len() {
		p, err := wire.Split(b.Message(i), new(wire.StreamMemo))
		require.NoError(t, err)
		require.True(t, p.Numbered)
		out = append(out, p.Sequence)
	}
	return out
}

func TestEnvelopesAreNumberedByStream(t *testing.T) {
	var n sequencer
	n.draw = func() uint32 { return 0x2344 }
	n.renew()
	require.Equal(t, []wire.Sequence{seq(0x2345, 0), seq(0x2345, 1), seq(0x2345, 0), seq(0x2345, 2)}, numbered(t, &n, "a", "a", "b", "a"))
	b := batch.Get()
	defer b.Release()
	require.NoError(t, wire.Append(b, "a", []byte(`"another origin"`), []byte(`1`), true))
	n.number(b)
	p, err := wire.Split(b.Message(0), new(wire.StreamMemo))
	require.NoError(t, err)
	require.Zero(t, p.Sequence.Number, "receivers tell streams apart by origin as well")
}

func TestAFullTableOfNumbersBeginsANewIncarnation(t *testing.T) {
	const most = 1000
	n := sequencer{most: most}
	n.draw = func() uint32 { return 0 }
	n.renew()
	for i := range most {
		numbered(t, &n, fmt.Sprint(i))
	}
	require.Equal(t, []wire.Sequence{seq(1, 1), seq(1, 2)}, numbered(t, &n, "5", "5"))
	got := numbered(t, &n, "one too many", "5")
	require.Equal(t, []wire.Sequence{seq(2, 0), seq(2, 0)}, got, "a new incarnation, in which every topic begins anew")
}

func TestANewIncarnationIsNotTheLastOne(t *testing.T) {
	for draw := range uint32(1 << 17) {
		n := sequencer{incarnation: 5}
		n.draw = func() uint32 { return draw }
		n.renew()
		require.NotEqual(t, uint16(5), n.incarnation)
	}
	n := sequencer{}
	n.draw = func() uint32 { return math.MaxUint32 }
	n.renew()
	require.NotZero(t, n.incarnation)
}

func TestManyStreamsAreNumberedAsFewAre(t *testing.T) {
	n := sequencer{draw: rand.Uint32}
	n.renew()
	next := map[string]uint32{}
	for range 200 {
		topics := make([]string, 100)
		few := rand.IntN(2) == 0
		for i := range topics {
			topics[i] = fmt.Sprint(rand.IntN(100_000))
			if few {
				topics[i] = fmt.Sprint(rand.IntN(3))
			}
		}
		for i, got := range numbered(t, &n, topics...) {
			require.Equal(t, seq(n.incarnation, next[topics[i]]), got)
			next[topics[i]]++
		}
	}
	require.Equal(t, len(next), n.next.Len())
}

func seq(incarnation uint16, number uint32) wire.Sequence {
	return wire.Sequence{Incarnation: incarnation, Number: number}
}
