package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/queue"
)

// watchedPocket is a pocket in which nothing gathers; it keeps what might.
type watchedPocket struct {
	allowed Allowance
	turns   int
}

func (w *watchedPocket) Set(_, _ []byte) bool { w.allowed = Allowance{}; return true }
func (w *watchedPocket) Drop()                {}
func (w *watchedPocket) Turn(a Allowance) ([]byte, []uint32) {
	w.allowed = a
	w.turns++
	return nil, nil
}

// TestNothingGathersBeforeThePocketIsReady: making it ready empties it, so in a second
// run too nobody, not even who only looks at the counters, may open it before.
func TestNothingGathersBeforeThePocketIsReady(t *testing.T) {
	p, err := NewPublisher("tcp://127.0.0.1:1", "p")
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	pocket := &watchedPocket{}
	p.SetPocket(pocket)
	for range 2 {
		p.q.start(true, queue.Block)
		p.Stats()
		require.Zero(t, pocket.allowed)
		p.openPocket()
		p.Stats()
		require.NotZero(t, pocket.allowed)
		p.q.drain()
		require.Zero(t, pocket.allowed.Messages)
		p.q.close()
		p.q.giveUp(0)
	}
}

// TestAQuietPublishTakesNoTurn: a turn may be a call into another runtime, so it is left out
// where the pump sleeps and nothing can have gathered.
func TestAQuietPublishTakesNoTurn(t *testing.T) {
	p, err := NewPublisher("tcp://127.0.0.1:1", "p")
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	pocket := &watchedPocket{}
	p.SetPocket(pocket)
	p.q.start(true, queue.Block)
	p.openPocket()
	p.q.sleeping = true
	put := func() {
		done, err := tryPut(&p.q, "t", p.origin, []byte("1"), form{}, queue.Bound{Messages: 100, Bytes: 1 << 20})
		require.NoError(t, err)
		require.True(t, done.idle)
	}
	put()
	require.Zero(t, pocket.turns)
	p.q.sleeping = false
	p.q.gather()
	require.Equal(t, 1, pocket.turns)
	require.NotZero(t, pocket.allowed.Messages)
	p.q.sleeping = true
	put() // the turn that ends the gathering
	require.Equal(t, 2, pocket.turns)
	require.Zero(t, pocket.allowed.Messages)
	put()
	require.Equal(t, 2, pocket.turns)
	p.q.drain()
	p.q.close()
	p.q.giveUp(0)
}

// TestAHigherBoundMakesRoom: who waits for room learns of a new bound, even where nothing
// is sent that would make some.
func TestAHigherBoundMakesRoom(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:1", "ready.hold", "1h", "queue.messages", "1", "queue.block", "1h")
	require.NoError(t, p.Publish("t", "", []byte("1")))
	published := make(chan error, 1)
	go func() { published <- p.Publish("t", "", []byte("2")) }()
	require.Eventually(t, func() bool {
		p.q.mu.Lock()
		defer p.q.mu.Unlock()
		return p.q.room != nil
	}, time.Minute, time.Millisecond)
	set(t, p, "queue.messages", "2")
	select {
	case err := <-published:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.Fail(t, "still waiting")
	}
	fd, err := p.FD()
	require.NoError(t, err)
	code(t, ETIMEOUT, p.TryPublish([]byte(`["t", null, 3]`)), "full")
	require.False(t, readable(t, fd, 0))
	set(t, p, "queue.messages", "3")
	require.True(t, readable(t, fd, 0))
	require.NoError(t, p.TryPublish([]byte(`["t", null, 3]`)))
	require.EqualValues(t, 3, p.Stats().Queued)
}
