package metrics

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// full is statistics in which every counter has a value.
func full() core.PostOfficeStats {
	var s core.PostOfficeStats
	s.Ready = true
	s.InMessages, s.InBytes, s.OutMessages, s.OutBytes, s.Unwanted, s.Dropped, s.DroppedOld, s.DroppedConflated = 1, 2, 3, 4, 5, 6, 7, 8
	s.DroppedDenied, s.SubscriptionsDenied, s.Refused, s.EventsDropped, s.Throttled = 9, 10, 11, 12, 1.5
	s.CacheTopics, s.CacheMessages, s.CacheBytes, s.CacheEvicted, s.CacheSent, s.CacheDropped = 13, 14, 15, 16, 17, 18
	s.HistoryMessages, s.HistoryIncomplete, s.HistorySubscribers = 19, 20, 21
	s.Publishers = []core.Peer{{ID: 1}}
	s.Subscribers = []core.Peer{
		{ID: 2, Role: "subscriber", Address: "tcp://a", Subscriptions: 3, QueueMessages: 4, QueueBytes: 500, Dropped: 6},
		{ID: 3, Role: "debug", Subscriptions: 1, QueueMessages: 7, QueueBytes: 8},
	}
	return s
}

func registry(t *testing.T, cfg Config) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	require.NoError(t, r.Register(New(cfg)))
	return r
}

func TestAScrapeTakesTheStatisticsOnce(t *testing.T) {
	taken := 0
	r := registry(t, Config{Peers: true, Office: func() core.PostOfficeStats { taken++; return full() }})
	for scrape := 1; scrape <= 3; scrape++ {
		_, err := r.Gather()
		require.NoError(t, err)
		require.Equal(t, scrape, taken)
	}
}

func TestTheMetricsAreThoseOfTheStatistics(t *testing.T) {
	c := New(Config{Office: full})
	require.NoError(t, testutil.CollectAndCompare(c, strings.NewReader(`
# HELP hermes_postoffice_dropped_messages_total Messages that were dropped: queue_full (of all receivers that wanted it), old and conflated (removed from the queue of a receiver, to which they count as sent), denied (the policy does not allow it), cache (a receiver had no room for a cached one).
# TYPE hermes_postoffice_dropped_messages_total counter
hermes_postoffice_dropped_messages_total{reason="cache"} 18
hermes_postoffice_dropped_messages_total{reason="conflated"} 8
hermes_postoffice_dropped_messages_total{reason="denied"} 9
hermes_postoffice_dropped_messages_total{reason="old"} 7
hermes_postoffice_dropped_messages_total{reason="queue_full"} 6
# HELP hermes_postoffice_peers Connected peers: publisher, subscriber, or debug (at the debug address).
# TYPE hermes_postoffice_peers gauge
hermes_postoffice_peers{role="debug"} 1
hermes_postoffice_peers{role="publisher"} 1
hermes_postoffice_peers{role="subscriber"} 1
# HELP hermes_postoffice_longest_queue_messages Messages that wait for the receiver for which most wait.
# TYPE hermes_postoffice_longest_queue_messages gauge
hermes_postoffice_longest_queue_messages 7
# HELP hermes_postoffice_queue_bytes Bytes that wait for receivers, summed over all queues.
# TYPE hermes_postoffice_queue_bytes gauge
hermes_postoffice_queue_bytes 508
# HELP hermes_postoffice_throttled_seconds_total Time for which publishers were held back, summed over all of them.
# TYPE hermes_postoffice_throttled_seconds_total counter
hermes_postoffice_throttled_seconds_total 1.5
`), "hermes_postoffice_dropped_messages_total", "hermes_postoffice_peers", "hermes_postoffice_longest_queue_messages",
		"hermes_postoffice_queue_bytes", "hermes_postoffice_throttled_seconds_total"))
}

func TestTheMetricsPassTheLinterOfPrometheus(t *testing.T) {
	r := registry(t, Config{Peers: true, Office: full, Backbone: func() *backbone.Stats { return &backbone.Stats{Connected: true} }})
	problems, err := testutil.GatherAndLint(r)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestTheBackboneHasMetricsOnceItIsJoined(t *testing.T) {
	joined := false
	r := registry(t, Config{Office: full, Backbone: func() *backbone.Stats {
		if !joined {
			return nil
		}
		return &backbone.Stats{Sites: 3, DroppedDenied: 2}
	}})
	require.Zero(t, count(t, r, "hermes_backbone_sites"))
	joined = true
	require.Equal(t, 1, count(t, r, "hermes_backbone_sites"))
	require.Equal(t, 5, count(t, r, "hermes_backbone_out_dropped_messages_total"))
}

func count(t *testing.T, r *prometheus.Registry, name string) int {
	t.Helper()
	n, err := testutil.GatherAndCount(r, name)
	require.NoError(t, err)
	return n
}

func TestSeriesOfPeersAreAChoiceAndBounded(t *testing.T) {
	many := func() core.PostOfficeStats {
		var s core.PostOfficeStats
		for i := MaxPeers + 50; i > 0; i-- {
			s.Subscribers = append(s.Subscribers, core.Peer{ID: uint64(i), Address: fmt.Sprint("tcp://", i), QueueMessages: 2})
		}
		return s
	}
	require.Zero(t, count(t, registry(t, Config{Office: many}), "hermes_postoffice_peer_queue_messages"))
	r := registry(t, Config{Office: many, Peers: true})
	require.Equal(t, MaxPeers+1, count(t, r, "hermes_postoffice_peer_queue_messages"))
	families, err := r.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "hermes_postoffice_peer_queue_messages" {
			for _, m := range f.GetMetric() {
				values[m.GetLabel()[1].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	require.InDelta(t, 100, values["other"], 0)
	require.Contains(t, values, "1", "the oldest have series of their own")
	require.NotContains(t, values, "150")
}

func TestDropsForReceiversOutliveTheirConnections(t *testing.T) {
	var s core.PostOfficeStats
	c := New(Config{Office: func() core.PostOfficeStats { return s }})
	for _, step := range []struct {
		receivers []core.Peer
		total     uint64
	}{
		{nil, 0},
		{[]core.Peer{{ID: 1, Dropped: 5}}, 5},
		{[]core.Peer{{ID: 1, Dropped: 7}, {ID: 2, Dropped: 1}}, 8},
		{[]core.Peer{{ID: 2, Dropped: 4}}, 11},
		{[]core.Peer{{ID: 2, Dropped: 4}, {ID: 3, Dropped: 0}}, 11},
	} {
		require.Equal(t, step.total, c.sumUp(step.receivers))
	}
}
