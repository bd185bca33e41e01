package httpd

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// subscribed opens a stream of envelopes that has reached the post office.
func (s *site) subscribed(query string, headers ...string) *events {
	s.t.Helper()
	before := subscriptions(s.office.Stats())
	e := s.stream("/v1/subscribe?"+query, headers...)
	s.eventually(func() bool { return subscriptions(s.office.Stats()) > before }, "subscribed")
	return e
}

func TestEnvelopesAreEvents(t *testing.T) {
	s := newSite(t, Config{})
	p := s.publisher("me")
	e := s.subscribed("topic=a/&topic=c")
	require.NoError(t, p.WaitReady(soon))
	for _, c := range []struct{ topic, data string }{
		{"a/1", `{"x":1}`}, {"b", `2`}, {"c", `"<b>\n"`}, {"a/ü", "[1,\n\r2]"}, {"a/nan", "NaN"}, {"a/\"quoted\"", "null"},
	} {
		require.NoError(t, p.Publish(c.topic, "", []byte(c.data)))
	}
	for _, want := range []string{
		`{"topic":"a/1","origin":"me","data":{"x":1},"ts":`, `{"topic":"c","origin":"me","data":"<b>\n","ts":`,
		`{"topic":"a/ü","origin":"me","data":[1,  2],"ts":`, `{"topic":"a/nan","origin":"me","data":NaN,"ts":`, `{"topic":"a/\"quoted\"","origin":"me","data":null,"ts":`,
	} {
		require.True(t, strings.HasPrefix(e.next(""), want), want)
	}
}

func TestSubscriptionsThatAreWrongAreErrors(t *testing.T) {
	s := newSite(t, Config{})
	for query, why := range map[string]string{
		"": "?topic=PREFIX", "topic=" + strings.Repeat("a", 5000): "4096 bytes", strings.Repeat("topic=a&", 40): "at most 32",
		"topic=a&rate=0": "above 0", "topic=a&rate=x": "above 0", "topic=%ff": "UTF-8",
	} {
		code, text := s.get("/v1/subscribe?" + query)
		require.Equal(t, 400, code, text)
		require.Contains(t, text, why)
	}
}

func TestARateLeavesTheRestOutAndSaysSo(t *testing.T) {
	s := newSite(t, Config{})
	p := s.publisher("me")
	e := s.subscribed("topic=a&rate=5")
	require.NoError(t, p.WaitReady(soon))
	numbers(t, p, "a", 0, 100)
	for range 5 {
		e.next("")
	}
	require.Contains(t, e.next("skipped"), `"count":`)
}

// TestAClientThatDoesNotReadLosesEnvelopesAndIsTold: what it was told and what it got is all that was sent.
func TestAClientThatDoesNotReadLosesEnvelopesAndIsTold(t *testing.T) {
	const n = 40_000
	s := newSite(t, Config{})
	p := s.publisher("me")
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = fmt.Fprint(c, "GET /v1/subscribe?topic=a HTTP/1.0\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	s.eventually(func() bool { return subscriptions(s.office.Stats()) > 0 }, "subscribed")
	require.NoError(t, p.WaitReady(soon))
	data := []byte(`"` + strings.Repeat("x", 1000) + `"`)
	for range n {
		require.NoError(t, p.Publish("a", "", data))
	}
	s.eventually(func() bool { return s.office.Stats().InMessages == n }, "all have passed")
	lost := s.counts.lost.WithLabelValues("subscribe")
	got, told := 0, 0
	end := time.Now().Add(soon)
	require.NoError(t, c.SetReadDeadline(end))
	e := &events{t, make(chan sseEvent, 100)}
	go readEvents(c, e.ch)
	for got+told < n {
		event := receive(t, e.ch)
		var count struct{ Count int }
		switch event.name {
		case "lost":
			decode(t, event.data, &count)
			told += count.Count
		case "":
			require.NotEmpty(t, event.data, "the stream has ended after %d and %d lost", got, told)
			got++
		}
	}
	require.Equal(t, n, got+told)
	require.NotZero(t, told)
	require.InDelta(t, told, testutil.ToFloat64(lost), 0)
}

func TestWhatThePolicyDeniesIsTold(t *testing.T) {
	policy := policyOf(t, "[[allow]]\nusers = [\"*\"]\nsubscribe = [\"news\"]\n")
	s := newSite(t, Config{ReadToken: tokenOf(t, secret)}, "policy", policy)
	e := s.stream("/v1/subscribe?topic=orders", bearer(secret)...)
	require.Contains(t, e.next("problem"), "may not subscribe to")
	nothing := newSite(t, Config{ReadToken: tokenOf(t, secret)}, "policy", policyOf(t, "[[allow]]\nusers = [\"*\"]\npublish = [\"news\"]\n"))
	code, text := nothing.get("/v1/subscribe?topic=orders", bearer(secret)...)
	require.Equal(t, 403, code, text)
}

func TestAServerThatClosesEndsStreams(t *testing.T) {
	s := newSite(t, Config{})
	streams := []*events{s.stream("/v1/live"), s.subscribed("topic=")}
	s.Close()
	for _, e := range streams {
		for range e.ch { //nolint:revive // until it is closed
		}
	}
	s.eventually(func() bool { return len(s.office.Stats().Subscribers) == 0 }, "the receiver is gone")
	_, err := s.sender()
	require.Error(t, err)
	require.Equal(t, core.OK, core.CodeOf(s.office.WaitReady(0)))
}
