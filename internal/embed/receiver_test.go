package embed_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// buffer is a prefetch buffer from which nothing is taken.
type buffer struct{ filled, dropped int }

func (b *buffer) Fill(t *recvqueue.Taken) bool { b.filled = t.Len(); return true }
func (b *buffer) Taken() int                   { return 0 }
func (b *buffer) Clear() int                   { return 0 }
func (b *buffer) Drop()                        { b.dropped++ }

func TestManyEnvelopesArePrefetched(t *testing.T) {
	l := newLeasing(t)
	b := &buffer{}
	l.SetPrefetcher(b)
	got, o := l.TakeOrPrefetch()
	require.Nil(t, got)
	require.Equal(t, recvqueue.TimedOut, o)

	l.publish(t, 0)
	testkit.Repeat(t, "one is queued", func() bool { return l.receiver.Stats().Queued == 1 })
	got, o = l.TakeOrPrefetch()
	require.Equal(t, recvqueue.Took, o)
	require.Equal(t, 1, got.Len(), "one is not worth it")
	embed.Release(got)

	for i := range 10 {
		l.publish(t, i)
	}
	testkit.Repeat(t, "ten are queued", func() bool { return l.receiver.Stats().Queued == 10 })
	got, o = l.TakeOrPrefetch()
	require.Equal(t, recvqueue.Took, o)
	require.Nil(t, got)
	require.Greater(t, b.filled, 1)
	require.EqualValues(t, 10, l.receiver.Stats().Queued, "they count as queued until they are taken")

	got, o = l.Take(100)
	require.Equal(t, recvqueue.Took, o)
	require.Equal(t, 10, got.Len(), "another caller gets them")
	embed.Release(got)
	require.NoError(t, l.receiver.Close())
	require.Equal(t, 1, b.dropped)
}

func TestATakeInVainHasAnError(t *testing.T) {
	l := newLeasing(t)
	err := l.Error(recvqueue.TimedOut, false)
	require.Equal(t, errs.ETIMEOUT, errs.CodeOf(err))
	require.Equal(t, `nothing arrived at receiver "rec"`, err.Error())
	require.ErrorContains(t, l.Error(recvqueue.TimedOut, true), "connected (peers: 1)", "one that has waited is told why")
	require.NoError(t, l.receiver.Stop(time.Second))
	_, o := l.Take(1)
	require.Equal(t, recvqueue.Ended, o)
	require.Equal(t, errs.ESTOPPED, errs.CodeOf(l.Error(o, true)))
}

func TestWhatIsLostIsInTheJSONWhereItIsAskedFor(t *testing.T) {
	l := newLeasing(t)
	d := taken(t, "1", "2") // 1 is missing before the second
	require.Regexp(t, `^\[\["t","o",1, *[\d.]+\],\["t","o",2, *[\d.]+\]\]$`, string(l.AppendJSON(nil, d)))
	set(t, l.receiver, "json.lost", "on")
	require.Regexp(t, `^\[\["t","o",1, *[\d.]+\],\["t","o",2, *[\d.]+,1\]\]$`, string(l.AppendJSON(nil, d)))
	require.Equal(t, len(l.AppendJSON(nil, d)), l.JSONSize(d))
}
