package core

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// sums checks the identities that the documentation promises, at this instant.
func sums(t *testing.T, p *Publisher, r *Receiver, po *PostOffice) {
	t.Helper()
	if s := p.Stats(); s.Accepted != s.Sent+uint64(s.Queued)+s.Unwanted+s.DroppedNoPeer+s.DroppedFull+s.DroppedOld+s.DroppedConflated+s.DroppedStop {
		require.Fail(t, "publisher", "%s", statsJSON(s))
	}
	if s := r.Stats(); s.Arrived != s.Delivered+uint64(s.Queued)+uint64(s.Held)+s.DroppedOrigin+s.DroppedStale+s.DroppedMalformed+s.DroppedOverflow+s.DroppedOld+s.DroppedConflated+s.DroppedDuplicate {
		require.Fail(t, "receiver", "%s", statsJSON(s))
	}
	if s := po.Stats(); s.InMessages != s.OutMessages+s.Unwanted+s.Dropped {
		require.Fail(t, "post office", "%s", statsJSON(s))
	}
}

// TestTheSumsHoldAtEveryMoment drives components through random stops, restarts, changes
// of subscription, bursts, and rules for full queues, while others publish, receive and
// check the sums.
func TestTheSumsHoldAtEveryMoment(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		first := newOffice(t, engine)
		in, out := get(t, first, "endpoint.in"), get(t, first, "endpoint.out")
		require.NoError(t, first.Close())
		po, err := NewPostOffice(in, out, "") // at the same place after every restart
		require.NoError(t, err)
		set(t, po, "engine", engine)
		require.NoError(t, po.Start())
		defer func() { _ = po.Close() }()
		r := newReceiver(t, engine, out, "on_slow", "drop", "queue.messages", "50", "queue.block", "5ms", "reconnect.min", "1ms", "reconnect.max", "5ms")
		p := newPublisher(t, engine, in, "ready.hold", "20ms", "queue.block", "1ms", "queue.messages", "100", "reconnect.min", "1ms", "reconnect.max", "5ms")
		var over atomic.Bool
		var tasks sync.WaitGroup
		var offered, taken atomic.Uint64
		defer tasks.Wait()
		defer over.Store(true)
		spawn := func(f func(*rand.Rand)) {
			tasks.Add(1)
			go func() {
				defer tasks.Done()
				for random := rand.New(rand.NewPCG(5, offered.Load())); !over.Load(); {
					f(random)
				}
			}()
		}
		for i := range 2 {
			spawn(func(random *rand.Rand) {
				for range random.IntN(200) {
					err := p.Publish(fmt.Sprintf("topic/%d", random.IntN(3)), "", []byte("1"))
					if CodeOf(err) != ESTATE {
						offered.Add(1)
					}
				}
				time.Sleep(time.Duration(random.IntN(3)) * time.Millisecond * time.Duration(i))
			})
		}
		spawn(func(random *rand.Rand) {
			if d, err := r.Take(1+random.IntN(300), time.Millisecond); err == nil {
				taken.Add(uint64(d.Len()))
				d.Release()
			}
			time.Sleep(time.Duration(random.IntN(2)) * time.Millisecond)
		})
		spawn(func(*rand.Rand) { sums(t, p, r, po) })

		random := rand.New(rand.NewPCG(6, 7))
		rule := func() string { return queue.Policies()[random.IntN(len(queue.Policies()))] }
		for range 150 {
			switch random.IntN(6) {
			case 0:
				_ = p.Stop(time.Duration(random.IntN(10)) * time.Millisecond)
				set(t, p, "queue.full", rule())
				require.NoError(t, p.Start())
			case 1:
				_ = r.Stop(0)
				set(t, r, "queue.full", rule())
				require.NoError(t, r.Start())
			case 2:
				_ = po.Stop(time.Duration(random.IntN(30)) * time.Millisecond)
				require.Eventually(t, func() bool { return po.Start() == nil }, soon, time.Millisecond)
			case 3:
				require.NoError(t, r.Subscribe(fmt.Sprintf("topic/%d", random.IntN(3))))
			case 4:
				_ = r.Unsubscribe(fmt.Sprintf("topic/%d", random.IntN(3))) // which may not be subscribed
			default:
				time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond)
			}
			sums(t, p, r, po)
		}
		over.Store(true)
		testkit.Wait(t, &tasks, "publishers and receivers")
		_ = p.Stop(soon)
		require.NoError(t, r.Stop(0))
		sums(t, p, r, po)
		require.Equal(t, offered.Load(), p.Stats().Accepted, "every envelope that was offered is accounted for")
		require.Equal(t, taken.Load(), r.Stats().Delivered)
		require.NotZero(t, taken.Load())
	})
}
