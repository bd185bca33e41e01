package httpd

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// post publishes with the right token.
func (s *site) post(path, body string, headers ...string) (int, string) {
	s.t.Helper()
	return s.do("POST", "/v1/publish/"+path, body, append([]string{"Content-Type", "application/json", "Authorization", "Bearer " + secret}, headers...)...)
}

func TestWhatIsPostedIsPublished(t *testing.T) {
	s := newSite(t, Config{PublishToken: tokenOf(t, secret)})
	r := s.receiver("r", "")
	for _, c := range []struct{ path, body, topic, origin string }{
		{"a", "1", "a", "http"}, {"a/b", `{"x": [1]}`, "a/b", "http"}, {"a//b/?origin=me", `"x"`, "a//b/", "me"}, {"Z%C3%BCrich%2Fx%3Fy", "null", "Zürich/x?y", "http"},
		{"a%20b", " 2 ", "a b", "http"}, {"a/../b", "3", "a/../b", "http"},
		{"../../v1%2Fpublish/c", "4", "../../v1/publish/c", "http"}, {"%252F", "5", "%2F", "http"},
	} {
		code, text := s.post(c.path, c.body)
		require.Equal(t, 202, code, text)
		require.Equal(t, "{\"accepted\":true}\n", text)
		e, err := r.Recv(soon)
		require.NoError(t, err)
		require.Equal(t, c.topic, e.Topic)
		require.Equal(t, c.origin, e.Origin)
		require.JSONEq(t, c.body, string(e.Data))
	}
	require.InDelta(t, 8, testutil.ToFloat64(s.counts.published), 0)
}

// TestThePathMayBeEscaped: as some clients and proxies do.
func TestThePathMayBeEscaped(t *testing.T) {
	s := newSite(t, Config{PublishToken: tokenOf(t, secret)})
	r := s.receiver("r", "")
	publish := func(path string) int {
		code, _ := s.do("POST", path, "1", "Content-Type", "application/json", "Authorization", "Bearer "+secret)
		return code
	}
	require.Equal(t, 202, publish("/v1%2Fpublish/a"))
	e, err := r.Recv(soon)
	require.NoError(t, err)
	require.Equal(t, "a", e.Topic)
	require.Equal(t, 403, publish("/v1%2Fpublish/%24hermes/x"))
}

// A header that is none is left out, as W3C Trace Context has it.
func TestTheTraceContextOfARequestTravels(t *testing.T) {
	s := newSite(t, Config{PublishToken: tokenOf(t, secret)})
	r := s.receiver("r", "")
	const context = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for header, want := range map[string]string{context: context, context[:54] + "0": "", "nonsense": ""} {
		code, text := s.do("POST", "/v1/publish/t", "1", "Content-Type", "application/json", "Authorization", "Bearer "+secret, "traceparent", header)
		require.Equal(t, 202, code, text)
		e, err := r.Recv(soon)
		require.NoError(t, err)
		require.Equal(t, want, e.TraceParent)
	}
	v := core.View{Topic: []byte("t"), Data: []byte("1"), TraceParent: context}
	require.JSONEq(t, `{"topic":"t","origin":"","data":1,"ts":0,"traceparent":"`+context+`"}`, string(appendEnvelope(nil, &v)))
}

func TestWhatCannotBePublishedIsAnError(t *testing.T) {
	s := newSite(t, Config{PublishToken: tokenOf(t, secret)})
	for _, c := range []struct {
		path, body string
		code       int
		why        string
		headers    []string
	}{
		{"", "1", 400, "which topic", nil},
		{"a", "{", 400, "JSON", nil},
		{"a", "", 400, "JSON", nil},
		{"a", "1", 415, "application/json", []string{"Content-Type", "text/plain"}},
		{"a", "1", 415, "curl --json", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"a", `"` + strings.Repeat("x", maxBody) + `"`, 413, "1048576 bytes", nil},
		{"$hermes/x", "1", 403, "hermes itself", nil},
		{"%FF", "1", 400, "UTF-8", nil},
		{"a", "1", 401, "Bearer TOKEN", []string{"Authorization", "Bearer wrong"}},
		{"a", "1", 401, "Bearer TOKEN", []string{"Authorization", ""}},
	} {
		code, text := s.post(c.path, c.body, c.headers...)
		require.Equal(t, c.code, code, "%+v: %s", c, text)
		require.Contains(t, text, c.why)
	}
	require.Zero(t, testutil.ToFloat64(s.counts.published))
}

func TestPublishingIsOffWithoutAToken(t *testing.T) {
	s := newSite(t, Config{ReadToken: tokenOf(t, secret)})
	code, text := s.post("a", "1")
	require.Equal(t, 403, code)
	require.Contains(t, text, "--http-publish-token-file")
}

func TestTheTokenForReadingDoesNotPublish(t *testing.T) {
	s := newSite(t, Config{ReadToken: tokenOf(t, strings.Repeat("r", 20)), PublishToken: tokenOf(t, secret)})
	code, _ := s.post("a", "1", bearer(strings.Repeat("r", 20))...)
	require.Equal(t, 401, code)
	code, _ = s.get("/v1/stats", bearer(secret)...)
	require.Equal(t, 401, code)
}

func TestThePolicyHoldsForWhatIsPosted(t *testing.T) {
	policy := policyOf(t, "[[allow]]\nusers = [\"*\"]\nsubscribe = [\"\"]\npublish = [\"news\"]\n")
	s := newSite(t, Config{PublishToken: tokenOf(t, secret)}, "policy", policy)
	r := s.receiver("r", "")
	code, text := s.post("orders/1", "1")
	require.Equal(t, 403, code)
	require.Contains(t, text, "user http may not publish orders/1")
	code, text = s.post("news/1?origin=other", "1")
	require.Equal(t, 403, code, text)
	code, text = s.post("news/1", "2")
	require.Equal(t, 202, code, text)
	e, err := r.Recv(soon)
	require.NoError(t, err)
	require.Equal(t, "news/1", e.Topic)
	require.Zero(t, s.office.Stats().DroppedDenied, "nothing reached the post office that it had to refuse")
}
