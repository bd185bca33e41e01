package relay

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// fakeStorer stores what it is told to.
type fakeStorer struct {
	fakeLink
	stored atomic.Uint64
}

func (l *fakeStorer) Durable() [][]byte      { return [][]byte{[]byte("d")} }
func (l *fakeStorer) AwaitRoom(*batch.Batch) {}
func (l *fakeStorer) EndWaits()              {}
func (l *fakeStorer) Given() uint64          { return 0 }
func (l *fakeStorer) Stored() uint64         { return l.stored.Load() }
func (l *fakeStorer) OnStored(func())        {}
func (l *fakeStorer) SendRetained(*batch.Batch, []bool) (messages int, bytes int64, durable bool) {
	return 0, 0, true
}

func TestWhatIsStoredIsConfirmedOnce(t *testing.T) {
	l := &fakeStorer{}
	c := &confirmations{storer: l, peers: map[uint64]*unconfirmed{}, some: make(chan struct{}, 1)}
	c.note(1, 5, 10)
	c.note(2, 7, 11)
	require.Empty(t, c.some, "nothing is stored")
	require.Nil(t, c.take(9))
	require.Equal(t, map[uint64]uint64{1: 5}, c.take(10))
	require.Nil(t, c.take(10), "once")
	require.Equal(t, map[uint64]uint64{2: 7}, c.take(20))

	c.note(1, 6, 21)
	c.note(1, 7, 22)
	c.note(1, 9, 24)
	require.Nil(t, c.take(20))
	require.Equal(t, map[uint64]uint64{1: 6}, c.take(22), "what waits behind the first is confirmed together")
	require.Equal(t, map[uint64]uint64{1: 9}, c.take(24))
	c.note(1, 10, 30)
	c.note(1, 11, 31)
	require.Equal(t, map[uint64]uint64{1: 11}, c.take(31))

	l.stored.Store(40)
	c.note(1, 12, 40)
	require.Len(t, c.some, 1, "it is stored already")
	c.forget(1)
	require.Nil(t, c.take(100))
	(*confirmations)(nil).forget(1)
}

func TestOnlyALinkThatStoresIsAStorer(t *testing.T) {
	require.Nil(t, DurableOf(nil))
	require.Nil(t, DurableOf(&fakeLink{}))
	require.Equal(t, [][]byte{[]byte("d")}, DurableOf(&fakeStorer{}))
}

// TestWithoutConfirmationsAnEventTells: the inlet of the test, like that of libzmq, confirms nothing.
func TestWithoutConfirmationsAnEventTells(t *testing.T) {
	g := &rig{}
	r, err := Open(g.config(in, out, debug))
	require.NoError(t, err)
	r.Join(&fakeStorer{})
	require.Len(t, g.events, 1)
	require.Contains(t, g.events[0].Text, "the engine libzmq does not confirm durable topics")
}
