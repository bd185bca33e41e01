package httpd

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

func TestAPageHearsStatesAndEvents(t *testing.T) {
	s := newSite(t, Config{Backbone: joined})
	s.Event(core.Event{Kind: "earlier", Level: "info", Text: "before the page"})
	e := s.stream("/v1/live")
	var h hello
	decode(t, e.next("hello"), &h)
	require.Equal(t, core.Version, h.Version)
	require.Equal(t, get(t, s.office, "endpoint.in"), h.In)
	require.Len(t, h.Events, 1)
	s.Event(core.Event{Kind: "later", Level: "warning"})
	var later core.Event
	decode(t, e.next("event"), &later)
	require.Equal(t, "later", later.Kind)

	p := s.publisher("me")
	s.receiver("r", "a")
	require.NoError(t, p.WaitReady(soon))
	numbers(t, p, "a/b", 0, 100)
	seen := 0.0
	var now state
	for seen < 100 {
		now = state{}
		decode(t, e.next("state"), &now)
		for _, topic := range now.Traffic.Topics {
			require.Equal(t, "a/b", topic.Topic)
			seen += topic.Messages
		}
	}
	require.InDelta(t, 100, seen, 0)
	require.EqualValues(t, 100, now.InMessages)
	require.Equal(t, 1, now.PublisherCount)
	require.Equal(t, "a", now.Backbone.Site)
	for _, origins := range now.Traffic.Origins {
		require.Equal(t, []string{"me"}, origins)
	}
}

// running reports whether the goroutine for pages runs.
func (l *live) running() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stop != nil
}

func TestNothingRunsWhileNoPageIsOpen(t *testing.T) {
	s := newSite(t, Config{})
	for range 3 {
		require.False(t, s.live.running())
		p := s.live.join()
		other := s.live.join()
		s.live.leave(p)
		require.True(t, s.live.running())
		s.live.leave(other)
	}
	require.False(t, s.live.running())
	s.live.close()
	s.live.census.mu.Lock()
	defer s.live.census.mu.Unlock()
	require.Nil(t, s.live.census.topics)
}

func TestAPageThatIsBehindLosesStatesAndIsTold(t *testing.T) {
	s := newSite(t, Config{})
	p := s.live.join() // reads nothing
	defer s.live.leave(p)
	for range liveQueue + 10 {
		s.Event(core.Event{Kind: "much"})
	}
	lost := s.live.lostBy(p)
	require.GreaterOrEqual(t, lost, 10)
	require.Less(t, s.live.lostBy(p), 10, "each is told once; states come meanwhile")
	require.GreaterOrEqual(t, testutil.ToFloat64(s.counts.lost.WithLabelValues("live")), 10.0)
}

func TestEventsAndPeersAreBounded(t *testing.T) {
	s := newSite(t, Config{})
	for range 3 * liveEvents {
		s.Event(core.Event{Kind: "x"})
	}
	require.Len(t, s.live.events, liveEvents)
	peers := make([]core.Peer, 2*livePeers)
	for i := range peers {
		peers[i] = core.Peer{ID: uint64(i), QueueMessages: i % 2}
	}
	few := busiest(peers)
	require.Len(t, few, livePeers)
	for i, p := range few {
		require.Equal(t, uint64(2*i+1), p.ID, "those for which something waits, in order")
	}
}
