package sendqueue

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// TestTheNewestAlwaysFindsRoom, however little that is, and whatever is being sent.
func TestTheNewestAlwaysFindsRoom(t *testing.T) {
	for _, full := range []queue.Policy{queue.DropOld, queue.LatestPerTopic} {
		for most := range int64(5) {
			limit := queue.Bound{Messages: most + 1, Bytes: 1}
			q := newQueue(full, limit)
			var held []*batch.Batch
			for i := range 100 {
				_, err := Put(q, "t", []byte(`"o"`), []byte(fmt.Sprint(i)), Form{})
				require.NoError(t, err)
				if i%7 == 0 {
					held = append(held, q.Take())
				}
			}
			b := q.Take()
			require.Equal(t, "99", string(batch.Frames(nil, b.Message(b.Len()-1))[2]))
			for _, b := range append(held, b) {
				q.Settle(b, carrier.Tally{Sent: b.Len()})
			}
			require.Zero(t, [3]int64{q.count, q.bytes, q.memory})
		}
	}
}

func newQueue(full queue.Policy, limit queue.Bound) *Queue {
	q := &Queue{}
	q.Init(func() uint32 { return 1 })
	q.Start(Config{Policy: full, Numbered: true, Bound: func() queue.Bound { return limit }})
	return q
}

// model is what a queue that drops what is old should hold.
type model struct {
	full         queue.Policy
	waiting      []queuedOne
	hand         int
	on           bool
	resume       int
	old, same    uint64
	put, settled uint64
}

type queuedOne struct {
	topic string
	n     int
}

func (m *model) add(e queuedOne, most int) {
	m.put++
	m.waiting = append(m.waiting, e)
	over := func() bool { return len(m.waiting)+m.hand > most }
	if m.full == queue.LatestPerTopic && !m.on && over() {
		m.on, m.resume = true, len(m.waiting)/2
	}
	if m.on {
		var kept []queuedOne
		for i, e := range m.waiting {
			if slices.ContainsFunc(m.waiting[i+1:], func(later queuedOne) bool { return later.topic == e.topic }) {
				m.same++
			} else {
				kept = append(kept, e)
			}
		}
		m.waiting = kept
	}
	for over() && len(m.waiting) > 1 {
		m.waiting = m.waiting[1:]
		m.old++
	}
}

// TestAQueueIsWhatItsModelSays, under random puts, takes and endings of sends.
func TestAQueueIsWhatItsModelSays(t *testing.T) {
	for _, full := range []queue.Policy{queue.DropOld, queue.LatestPerTopic} {
		for seed := range uint64(200) {
			random := rand.New(rand.NewPCG(seed, 1))
			most, topics := 1+random.IntN(40), 1+random.IntN(40)
			q, m := newQueue(full, queue.Bound{Messages: int64(most), Bytes: 1 << 50}), &model{full: full}
			var inHand []*batch.Batch
			for i := range 400 {
				switch random.IntN(10) {
				case 0:
					if b := q.Take(); b != nil {
						inHand = append(inHand, b)
						for j := range b.Len() {
							f := batch.Frames(nil, b.Message(j))
							require.Equal(t, m.waiting[j], queuedOne{strings.Trim(string(f[0]), `"`), atoi(t, f[2])}, "%s, seed %d, step %d", full, seed, i)
						}
						m.waiting = m.waiting[b.Len():]
						m.hand += b.Len()
						m.on = m.on && len(m.waiting) > m.resume
					}
				case 1:
					if len(inHand) > 0 {
						m.hand -= inHand[0].Len()
						m.settled += uint64(inHand[0].Len())
						q.Settle(inHand[0], carrier.Tally{Sent: inHand[0].Len()})
						inHand = inHand[1:]
					}
				default:
					e := queuedOne{fmt.Sprintf("t%d", random.IntN(topics)), i}
					_, err := Put(q, e.topic, []byte(`"o"`), []byte(fmt.Sprint(i)), Form{})
					require.NoError(t, err)
					m.add(e, most)
				}
				c := &q.counters
				require.EqualValues(t, len(m.waiting)+m.hand, q.count, "%s, seed %d, step %d", full, seed, i)
				require.Equal(t, [4]uint64{m.put, m.settled, m.old, m.same}, [4]uint64{c.Accepted, c.Sent, c.DroppedOld, c.DroppedConflated})
			}
			for _, b := range inHand {
				q.Settle(b, carrier.Tally{Sent: b.Len()})
			}
			for b := q.Take(); b != nil; b = q.Take() {
				q.Settle(b, carrier.Tally{Sent: b.Len()})
			}
			require.Zero(t, [4]int64{q.count, q.bytes, q.inFlight, q.memory}, "%s, seed %d", full, seed)
		}
	}
}

func atoi(t *testing.T, text []byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(text))
	require.NoError(t, err)
	return n
}

func appendEnvelope(b *batch.Batch, topic, data string) error {
	return wire.Append(b, topic, []byte(`"o"`), []byte(data), false)
}

// TestAnEnvelopeThatCannotBeEncodedLeavesNothingToTake: not even an empty batch.
func TestAnEnvelopeThatCannotBeEncodedLeavesNothingToTake(t *testing.T) {
	for _, policy := range []queue.Policy{queue.Block, queue.DropOld, queue.LatestPerTopic} {
		var q Queue
		q.Init(func() uint32 { return 1 })
		q.Start(Config{Policy: policy, Bound: func() queue.Bound { return queue.Bound{Messages: 10, Bytes: 1000} }})
		_, err := Put(&q, "\xff", []byte(`"o"`), []byte(`1`), Form{})
		require.Error(t, err)
		require.False(t, q.waiting())
		require.Nil(t, q.Take())
		_, err = Put(&q, "a", []byte(`"o"`), []byte(`1`), Form{})
		require.NoError(t, err)
		require.True(t, q.waiting())
		_, err = Put(&q, "\xff", []byte(`"o"`), []byte(`1`), Form{})
		require.Error(t, err)
		b := q.Take()
		require.Equal(t, 1, b.Len())
		q.Settle(b, carrier.Tally{Sent: 1})
		require.Nil(t, q.Take())
	}
}

// TestWhatIsGivenBackLeavesWhatWasSentAlone: a connection may still have to write it.
func TestWhatIsGivenBackLeavesWhatWasSentAlone(t *testing.T) {
	q := newQueue(queue.Block, queue.Bound{Messages: 100, Bytes: 1 << 20})
	for n := range 3 {
		_, err := Put(q, "t", []byte(`"o"`), []byte(strconv.Itoa(n)), Form{})
		require.NoError(t, err)
	}
	b := q.Take()
	b.Retain() // as a connection does
	was := bytes.Clone(b.Buf)
	rest := q.GiveBack(b, carrier.Tally{Sent: 2, Left: 1})
	require.Equal(t, was, b.Buf)
	require.Equal(t, 3, b.Len())
	require.Equal(t, b.Message(2), rest.Message(0))
	require.Equal(t, Snapshot{Counters: q.Snapshot().Counters, Queued: 1, QueuedBytes: int64(rest.Size())}, q.Snapshot())
	require.Same(t, rest, q.Take(), "again, before all others")
	require.Same(t, rest, q.GiveBack(rest, carrier.Tally{Left: 1}), "nothing of it was sent")
	q.Settle(q.Take(), carrier.Tally{Sent: 1})
	require.EqualValues(t, 3, q.Snapshot().Sent)
	require.Zero(t, [4]int64{q.count, q.bytes, q.inFlight, q.memory})
	b.Release()
}
