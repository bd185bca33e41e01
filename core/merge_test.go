package core

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// copyOf is one envelope of a test: a number of a topic.
type copyOf struct {
	topic       string
	incarnation uint16
	number      uint32
}

// pathsReceiver is a receiver that is handed batches by the test, over so many paths.
func pathsReceiver(t testing.TB, n int, pairs ...string) *Receiver {
	t.Helper()
	r, err := NewReceiver("tcp://127.0.0.1:9,tcp://127.0.0.1:10", "r")
	require.NoError(t, err)
	set(t, r, append([]string{"redundant.hold", "1h"}, pairs...)...)
	r.inbox.open(r.queueFull.Get())
	r.arrival.begin()
	r.arrival.expect(n)
	for p := range n {
		r.onPath(p, carrier.Event{Kind: carrier.Connected})
	}
	t.Cleanup(func() { r.arrival.end() })
	return r
}

// bring hands the receiver copies in one batch, and checks the books.
func bring(t testing.TB, r *Receiver, path int, copies ...copyOf) {
	t.Helper()
	b := batch.Get()
	for _, c := range copies {
		require.NoError(t, wire.Append(b, c.topic, []byte(`"o"`), []byte(strconv.Itoa(int(c.number))), true))
	}
	wire.Stamp(b, time.Now().UnixMicro(), true)
	for i, c := range copies {
		wire.Number(b, i, wire.Sequence{Incarnation: c.incarnation, Number: c.number})
	}
	r.deliverFrom(path, b)
	b.Release()
	s := r.Stats()
	require.EqualValues(t, s.Arrived, s.Delivered+uint64(s.Queued)+uint64(s.Held)+s.DroppedDuplicate+s.DroppedOrigin+
		s.DroppedStale+s.DroppedMalformed+s.DroppedOverflow+s.DroppedOld+s.DroppedConflated)
}

func run(topic string, from, to uint32) (out []copyOf) {
	for n := from; n != to; n++ {
		out = append(out, copyOf{topic, 7, n})
	}
	return out
}

// numbersOf takes all there is, and gives it by topic.
func numbersOf(t testing.TB, r *Receiver) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for {
		e, err := r.Recv(0)
		if err != nil {
			return out
		}
		out[e.Topic] = append(out[e.Topic], string(e.Data))
	}
}

func texts(from, to uint32) (out []string) {
	for n := from; n != to; n++ {
		out = append(out, strconv.Itoa(int(n)))
	}
	return out
}

func TestTheFirstCopyIsDelivered(t *testing.T) {
	r := pathsReceiver(t, 2)
	bring(t, r, 0, run("t", 0, 10)...)
	require.Equal(t, texts(0, 10), numbersOf(t, r)["t"], "at once")
	bring(t, r, 1, run("t", 0, 12)...)
	require.Equal(t, texts(10, 12), numbersOf(t, r)["t"])
	bring(t, r, 0, run("t", 10, 12)...)
	s := r.Stats()
	require.EqualValues(t, 12, s.Duplicates)
	require.EqualValues(t, 12, s.DroppedDuplicate)
	require.Zero(t, s.Lost)
}

func TestWhatOnePathHasMissedIsWaitedForFromTheOther(t *testing.T) {
	r := pathsReceiver(t, 2)
	bring(t, r, 0, run("t", 0, 5)...)
	bring(t, r, 1, run("t", 0, 2)...)
	bring(t, r, 0, run("t", 8, 10)...) // it was down meanwhile
	require.Equal(t, texts(0, 5), numbersOf(t, r)["t"])
	require.EqualValues(t, 2, r.Stats().Held)
	bring(t, r, 1, run("t", 2, 7)...)
	require.Equal(t, texts(5, 7), numbersOf(t, r)["t"])
	bring(t, r, 1, run("t", 7, 8)...)
	require.Equal(t, texts(7, 10), numbersOf(t, r)["t"])
	require.Zero(t, r.Stats().Held)
	require.Zero(t, r.Stats().Lost)
}

func TestWhatNoPathCanBringAnyMoreIsLost(t *testing.T) {
	r := pathsReceiver(t, 2)
	bring(t, r, 0, run("t", 0, 5)...)
	bring(t, r, 1, run("t", 0, 5)...)
	bring(t, r, 0, run("t", 7, 9)...)
	require.EqualValues(t, 2, r.Stats().Held, "the other may still bring 5 and 6")
	bring(t, r, 1, run("t", 6, 9)...)
	require.Equal(t, texts(0, 5), numbersOf(t, r)["t"][:5])
	require.EqualValues(t, 1, r.Stats().Lost, "only 5")
	require.EqualValues(t, 9-1, r.Stats().Delivered)
}

func TestALateJoinerBeginsWithTheEarliestCopy(t *testing.T) {
	r := pathsReceiver(t, 2)
	bring(t, r, 0, run("t", 100, 103)...)
	require.EqualValues(t, 3, r.Stats().Held, "the other path may have begun earlier")
	bring(t, r, 1, run("t", 98, 101)...)
	require.Equal(t, texts(98, 103), numbersOf(t, r)["t"])
	require.Zero(t, r.Stats().Lost)

	bring(t, r, 0, run("u", 0, 3)...)
	require.Equal(t, texts(0, 3), numbersOf(t, r)["u"], "nothing is before 0")
	require.Zero(t, r.Stats().Held)
}

func TestWhatIsMissedByAPathThatIsGoneIsNotWaitedForForEver(t *testing.T) {
	r := pathsReceiver(t, 2, "redundant.hold", "20ms")
	bring(t, r, 0, run("t", 0, 2)...)
	bring(t, r, 1, run("t", 0, 2)...)
	r.onPath(1, carrier.Event{Kind: carrier.Disconnected})
	bring(t, r, 0, run("t", 4, 6)...)
	require.Equal(t, texts(0, 2), numbersOf(t, r)["t"])
	e, err := r.Recv(soon)
	require.NoError(t, err)
	require.Equal(t, "4", string(e.Data))
	require.EqualValues(t, 2, e.Lost)
	require.EqualValues(t, 2, r.Stats().Lost)
	// From now on that path is not waited for at all.
	bring(t, r, 0, run("t", 9, 10)...)
	require.Zero(t, r.Stats().Held)
	require.EqualValues(t, 5, r.Stats().Lost)
	// What it brings when it comes back is good for what was not given up.
	r.onPath(1, carrier.Event{Kind: carrier.Connected})
	bring(t, r, 1, run("t", 2, 11)...)
	require.Equal(t, []string{"5", "9", "10"}, numbersOf(t, r)["t"])
}

func TestWhatIsHeldAtTheStopCanBeTaken(t *testing.T) {
	r := pathsReceiver(t, 2)
	bring(t, r, 0, run("t", 0, 2)...)
	bring(t, r, 0, run("t", 5, 7)...)
	r.letGo()
	require.Equal(t, append(texts(0, 2), texts(5, 7)...), numbersOf(t, r)["t"])
	require.EqualValues(t, 3, r.Stats().Lost)
	require.Zero(t, r.Stats().Held)
}

func TestAChangeOfSubscriptionsIsNoGapOnAnyPath(t *testing.T) {
	r := pathsReceiver(t, 2)
	bring(t, r, 0, run("t", 0, 5)...)
	bring(t, r, 1, run("t", 0, 3)...)
	r.arrival.forget()
	bring(t, r, 1, run("t", 3, 5)...)
	require.Equal(t, texts(0, 5), numbersOf(t, r)["t"], "nothing twice")
	bring(t, r, 0, run("t", 8, 9)...)
	bring(t, r, 1, run("t", 8, 9)...)
	require.Equal(t, texts(8, 9), numbersOf(t, r)["t"])
	require.Zero(t, r.Stats().Lost)
}

func TestAnotherRunWithTheSameIncarnationIsNotTakenForCopies(t *testing.T) {
	r := pathsReceiver(t, 2)
	bring(t, r, 0, run("t", 0, 100)...)
	bring(t, r, 1, run("t", 0, 100)...)
	require.Len(t, numbersOf(t, r)["t"], 100)
	time.Sleep(time.Millisecond)
	bring(t, r, 0, run("t", 0, 3)...)
	bring(t, r, 1, run("t", 0, 4)...)
	require.Equal(t, texts(0, 4), numbersOf(t, r)["t"])
}

func TestNumbersOfMergedStreamsWrapAround(t *testing.T) {
	r := pathsReceiver(t, 2)
	const late = 1<<32 - 3
	bring(t, r, 0, run("t", late, late+1)...)
	bring(t, r, 1, run("t", late, late+1)...)
	bring(t, r, 0, run("t", 1<<32-1, 2)...)
	bring(t, r, 1, run("t", late+1, 4)...)
	require.Equal(t, texts(late, 4), numbersOf(t, r)["t"])
}

// TestPathsThatLoseDifferentThings is the whole story at random: several paths, each of
// which is late, fails for a while and comes back. What at least one of them brings is
// delivered, once and in order; and what none brings is counted.
func TestPathsThatLoseDifferentThings(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 1))
		ways := 2 + random.IntN(2)
		r := pathsReceiver(t, ways)
		const topics, each = 3, 200
		queues := make([][]copyOf, ways)
		want := map[string][]string{}
		var lost uint64
		down := make([]int, ways)
		for n := range uint32(each) {
			for k := range topics {
				c := copyOf{strconv.Itoa(k), 7, n}
				anybody := false
				for p := range ways {
					if down[p] > 0 {
						down[p]--
						continue
					}
					if n > 0 && random.IntN(40) == 0 && n < each-20 {
						down[p] = random.IntN(10 * topics)
						continue
					}
					queues[p], anybody = append(queues[p], c), true
				}
				if anybody {
					want[c.topic] = append(want[c.topic], strconv.Itoa(int(n)))
				} else {
					lost++
				}
			}
		}
		got := map[string][]string{}
		for left := ways; left > 0; {
			p := random.IntN(ways)
			k := min(1+random.IntN(60), len(queues[p]))
			if k > 0 {
				bring(t, r, p, queues[p][:k]...)
				if queues[p] = queues[p][k:]; len(queues[p]) == 0 {
					left--
				}
			}
			for topic, list := range numbersOf(t, r) {
				got[topic] = append(got[topic], list...)
			}
		}
		require.Equal(t, want, got, "seed %d", seed)
		s := r.Stats()
		require.Equal(t, lost, s.Lost, "seed %d", seed)
		require.Zero(t, s.Held, "seed %d", seed)
		require.Zero(t, s.DroppedOverflow)
	}
}
