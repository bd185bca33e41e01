package httpd

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core/backbone"
)

func TestAPostOfficeIsReadyWhileItRuns(t *testing.T) {
	s := newSite(t, Config{})
	for _, path := range []string{"/livez", "/readyz"} {
		code, text := s.get(path)
		require.Equal(t, 200, code)
		require.Equal(t, "ok\n", text)
	}
	require.NoError(t, s.office.Stop(0))
	code, text := s.get("/readyz")
	require.Equal(t, 503, code)
	require.Equal(t, "not ok: its state is stopped; not all sides are open\n", text)
	code, _ = s.get("/livez")
	require.Equal(t, 200, code, "it can be started again")
}

func TestReadyzTellsReasons(t *testing.T) {
	b := joined()
	s := newSite(t, Config{Backbone: func() *backbone.Stats { return b }})
	type answer struct {
		Status string
		Checks []check
	}
	b.Connected = false
	code, text := s.get("/readyz?verbose")
	require.Equal(t, 200, code, "it relays within this site")
	var a answer
	decode(t, text, &a)
	require.Equal(t, "ok", a.Status)
	require.Equal(t, []check{
		{Name: "running", OK: true, Required: true}, {Name: "sides", OK: true, Required: true}, {Name: "connections", OK: true},
		{Name: "backbone", Reason: "there is no connection to NATS: other sites get nothing"},
	}, a.Checks)
	b.Connected = true
	_, text = s.get("/readyz?verbose")
	require.NotContains(t, text, "NATS")
}

func TestAStuckPostOfficeIsNotLive(t *testing.T) {
	var h healthCheck
	release := make(chan struct{})
	asked := 0
	stuck := func() { asked++; <-release }
	require.False(t, h.passes(stuck, time.Millisecond))
	require.False(t, h.passes(stuck, time.Millisecond))
	close(release)
	require.True(t, h.passes(stuck, soon), "it joins the question under way, or asks anew")
	require.True(t, h.passes(func() {}, soon))
	require.LessOrEqual(t, asked, 2)
}

func TestStatsAreThoseOfThePostOffice(t *testing.T) {
	s := newSite(t, Config{Backbone: joined})
	p := s.publisher("p")
	r := s.receiver("r", "a")
	require.NoError(t, p.WaitReady(soon))
	numbers(t, p, "a", 0, 10)
	for range 10 {
		_, err := r.Recv(soon)
		require.NoError(t, err)
	}
	s.eventually(func() bool { return s.office.Stats().InMessages == 10 }, "all are counted")
	code, text := s.get("/v1/stats")
	require.Equal(t, 200, code)
	var got statistics
	decode(t, text, &got)
	require.EqualValues(t, 10, got.OutMessages)
	require.Equal(t, "a", got.Backbone.Site)
	require.Len(t, got.Publishers, 1)
	_, err := time.Parse(time.RFC3339, got.Time)
	require.NoError(t, err)
}
