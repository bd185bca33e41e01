package zmtp

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// memoryCache is a cache that keeps everything, in one batch.
type memoryCache struct {
	all     batch.Batch
	asked   []string
	peers   []carrier.Peer
	taken   int
	refused int
}

func (s *memoryCache) Keep(b *batch.Batch) {
	for i := range b.Len() {
		s.all.AppendMessage(b.Message(i))
	}
}

func (s *memoryCache) Recall(p carrier.Peer, prefix []byte, follows func([]byte) bool, give func(*batch.Batch) int) (looked int) {
	s.asked, s.peers = append(s.asked, string(prefix)), append(s.peers, p)
	out := &batch.Batch{}
	for i := range s.all.Len() {
		topic := batch.Topic(s.all.Message(i))
		if string(topic[:min(len(prefix), len(topic))]) == string(prefix) && !follows(topic) {
			out.AppendMessage(s.all.Message(i))
		}
	}
	n := give(out)
	s.taken, s.refused = s.taken+n, s.refused+out.Len()-n
	return s.all.Len()
}

func openWithCache(t testing.TB, c carrier.Cache, queue int, options ...option) (testOutlet, error) {
	t.Helper()
	return openWithCacheAnd(t, carrier.Drop, c, queue, options...)
}

func openWithCacheAnd(t testing.TB, overflow carrier.Overflow, c carrier.Cache, queue int, options ...option) (testOutlet, error) {
	t.Helper()
	o := testOutlet{eventLog: &eventLog{}}
	out, err := Opener{}.OpenOutlet(carrier.OutletConfig{
		Config:        config(carrier.XPUB, append([]option{events(o.eventLog), bind("tcp://127.0.0.1:*")}, options...)),
		Overflow:      overflow,
		QueueMessages: queue, Cache: c,
	})
	if err != nil {
		return o, err
	}
	o.outlet = out.(*outlet)
	t.Cleanup(func() { out.Close(0) })
	return o, nil
}

func TestCachedMessagesComeBeforeLiveOnes(t *testing.T) {
	s := &memoryCache{}
	o, err := openWithCache(t, s, 0)
	require.NoError(t, err)
	require.Equal(t, carrier.Tally{NoPeer: 10}, o.Send(numbered("a", 0, 10)), "cached, without any peer")
	i := newInlet(t, carrier.SUB, []string{"a"}, dial(o.address()))
	i.sink.wait(t, 10)
	require.Equal(t, 10, o.Send(numbered("a", 10, 20)).Sent)
	i.sink.wait(t, 20)
	requireNumbered(t, i.got(), "a", 20)
	require.NoError(t, i.Subscribe([]byte("a/1")))
	require.NoError(t, i.Subscribe([]byte("")))
	o.wait(t, carrier.Subscribed, 3)
	require.Equal(t, 10, o.Send(numbered("a", 20, 30)).Sent)
	i.sink.wait(t, 30)
	requireNumbered(t, i.got(), "a", 30)
	require.Equal(t, []string{"a", "a/1", ""}, s.asked)
	require.Equal(t, "SUB", s.peers[0].Type)
	require.Equal(t, "2", s.peers[0].Hermes)
	require.Equal(t, "2", o.Peers()[0].Hermes)
}

// Cached messages for which there is no room are dropped and counted.
func TestAReplayStaysWithinTheQueue(t *testing.T) {
	s := &memoryCache{}
	o, err := openWithCache(t, s, 5)
	require.NoError(t, err)
	o.Send(numbered("a", 0, 8))
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	p.send(appendSubscription(nil, 1, true, []byte("a")))
	for n := range 5 {
		_, topic := p.receiveFrame()
		require.Equal(t, fmt.Sprintf("a/%d", n), string(topic))
		p.receiveFrame()
	}
	o.wait(t, carrier.Subscribed, 1)
	require.Equal(t, []int{5, 3}, []int{s.taken, s.refused})
	require.EqualValues(t, 3, o.Peers()[0].Dropped)
	require.Equal(t, "", o.Peers()[0].Hermes, "it has announced nothing")
}

func TestAnOutletThatWaitsHasNoCache(t *testing.T) {
	_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.XPUB, nil), Overflow: carrier.Wait, Cache: &memoryCache{}})
	require.ErrorIs(t, err, carrier.ErrUnsupported)
}
