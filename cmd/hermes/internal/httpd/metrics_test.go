package httpd

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// scraped is the values that /metrics gives, by name and labels.
func (s *site) scraped() map[string]float64 {
	s.t.Helper()
	code, text := s.get("/metrics")
	require.Equal(s.t, 200, code)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(s.t, err)
	values := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				key += "," + l.GetValue()
			}
			values[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}

// TestCountersEqualAnIndependentCount: what publishers have sent and receivers have taken is what a
// scrape shows.
func TestCountersEqualAnIndependentCount(t *testing.T) {
	const wanted, unwanted = 5000, 700
	s := newSite(t, Config{})
	both, one := s.receiver("both", "a/", "b/"), s.receiver("one", "a/")
	p := s.publisher("p")
	require.NoError(t, p.WaitReady(soon))
	other := s.publisher("q")
	require.NoError(t, other.WaitReady(soon))
	numbers(t, p, "a/1", 0, wanted)
	numbers(t, other, "b/1", 0, wanted)
	for range 2 * wanted {
		_, err := both.Recv(soon)
		require.NoError(t, err)
	}
	for range wanted {
		_, err := one.Recv(soon)
		require.NoError(t, err)
	}
	require.NoError(t, one.Close()) // what comes now of a/ goes to one alone
	s.eventually(func() bool { return len(s.office.Stats().Subscribers) == 1 }, "it is gone")
	numbers(t, p, "a/2", 0, wanted)
	for range wanted {
		_, err := both.Recv(soon)
		require.NoError(t, err)
	}
	numbers(t, p, "c", 0, unwanted) // the publisher drops it: nothing is subscribed to
	sent := p.Stats().Sent + other.Stats().Sent
	require.EqualValues(t, 3*wanted, sent)
	s.eventually(func() bool { return s.office.Stats().InMessages == sent }, "all have passed")

	got := s.scraped()
	require.InDelta(t, 3*wanted, got["hermes_postoffice_in_messages_total"], 0)
	require.InDelta(t, 3*wanted, got["hermes_postoffice_out_messages_total"], 0)
	require.InDelta(t, p.Stats().SentBytes+other.Stats().SentBytes, got["hermes_postoffice_in_bytes_total"], 0)
	require.InDelta(t, got["hermes_postoffice_in_bytes_total"], got["hermes_postoffice_out_bytes_total"], 0, "each counts once")
	require.InDelta(t, 2, got["hermes_postoffice_peers,publisher"], 0)
	require.InDelta(t, 1, got["hermes_postoffice_peers,subscriber"], 0)
	require.InDelta(t, 2, got["hermes_postoffice_subscriptions"], 0)
	require.InDelta(t, 1, got["hermes_postoffice_ready"], 0)
	for _, none := range []string{"unwanted_messages_total", "dropped_messages_total,queue_full", "receiver_dropped_messages_total", "queue_messages"} {
		require.Contains(t, got, "hermes_postoffice_"+none)
		require.Zero(t, got["hermes_postoffice_"+none], none)
	}
	require.Contains(t, got, "go_goroutines")
	require.Contains(t, got, "process_resident_memory_bytes")
}

// TestLossesEqualAnIndependentCount: what a receiver has not got, of what was sent to it, is what a scrape shows.
func TestLossesEqualAnIndependentCount(t *testing.T) {
	const n = 20_000
	s := newSite(t, Config{}, "queue.messages", "100", "queue.full", "drop_new")
	r := s.receiver("slow", "a")
	set(t, r, "queue.messages", "10", "queue.block", "1h")
	s.receiver("fast", "a")
	p := s.publisher("p")
	require.NoError(t, p.WaitReady(soon))
	data := []byte(`"` + strings.Repeat("x", 2000) + `"`)
	for range n {
		require.NoError(t, p.Publish("a", "", data))
	}
	s.eventually(func() bool { return s.office.Stats().InMessages == n }, "all have passed")
	got := 0
	s.eventually(func() bool {
		for {
			if _, err := r.Recv(0); err != nil {
				break
			}
			got++
		}
		return float64(n-got) == s.scraped()["hermes_postoffice_receiver_dropped_messages_total"]-s.lostByFast()
	}, "what is missing is what was dropped")
	require.Positive(t, s.scraped()["hermes_postoffice_receiver_dropped_messages_total"])
}

// lostByFast is what was dropped for the receiver that lost least.
func (s *site) lostByFast() float64 {
	least := ^uint64(0)
	for _, p := range s.office.Stats().Subscribers {
		least = min(least, p.Dropped)
	}
	return float64(least)
}

func TestOpenMetricsAreGivenWhereAskedFor(t *testing.T) {
	s := newSite(t, Config{})
	answer := s.request("GET", "/metrics", "", "Accept", "application/openmetrics-text; version=1.0.0")
	require.Contains(t, answer.Header.Get("Content-Type"), "application/openmetrics-text")
	_, text := s.get("/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	require.True(t, strings.HasSuffix(text, "# EOF\n"))
	require.Contains(t, text, "# TYPE hermes_postoffice_in_messages counter\n")
	require.Contains(t, text, "hermes_postoffice_in_messages_total 0.0\n")
	require.Contains(t, text, "hermes_build_info{")
}
