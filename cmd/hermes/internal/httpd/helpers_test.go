package httpd

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

const (
	soon      = time.Minute // for what must happen
	pollEvery = 5 * time.Millisecond
	secret    = "0123456789abcdef0123456789abcdef"
)

// newOffice runs a post office with options, in pairs.
func newOffice(t testing.TB, options ...string) *core.PostOffice {
	t.Helper()
	office, err := core.NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, office, options...)
	require.NoError(t, office.Start())
	t.Cleanup(func() { _ = office.Close() })
	return office
}

func set(t testing.TB, c core.Component, options ...string) {
	t.Helper()
	for i := 0; i < len(options); i += 2 {
		require.NoError(t, c.Set(options[i], options[i+1]))
	}
}

func get(t testing.TB, c core.Component, key string) string {
	t.Helper()
	value, err := c.Get(key)
	require.NoError(t, err)
	return value
}

// site is a server that a test talks to.
type site struct {
	*Server
	t      testing.TB
	office *core.PostOffice
	url    string
}

// newSite serves HTTP for a post office with options.
func newSite(t testing.TB, cfg Config, options ...string) *site {
	t.Helper()
	cfg.Office = newOffice(t, options...)
	s, err := New(cfg)
	require.NoError(t, err)
	l, err := Listen("127.0.0.1:*")
	require.NoError(t, err)
	require.False(t, Exposed(l))
	s.Serve(l)
	t.Cleanup(s.Close)
	return &site{s, t, cfg.Office, "http://" + l.Addr().String()}
}

// request makes a request, with headers in pairs; Host is one.
func (s *site) request(method, path, body string, headers ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// get is the code and the body of an answer.
func (s *site) get(path string, headers ...string) (int, string) {
	s.t.Helper()
	return s.do("GET", path, "", headers...)
}

func (s *site) do(method, path, body string, headers ...string) (int, string) {
	s.t.Helper()
	answer := s.request(method, path, body, headers...)
	text, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return answer.StatusCode, string(text)
}

// bearer is the header with a token.
func bearer(text string) []string { return []string{"Authorization", "Bearer " + text} }

// tokenOf reads a token from a file, as the command does.
func tokenOf(t testing.TB, text string) *Token {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	token, err := ReadToken(path)
	require.NoError(t, err)
	return token
}

// publisher is one of a post office.
func (s *site) publisher(name string, options ...string) *core.Publisher {
	s.t.Helper()
	p, err := core.NewPublisher(get(s.t, s.office, "endpoint.in"), name)
	require.NoError(s.t, err)
	set(s.t, p, options...)
	require.NoError(s.t, p.Start())
	s.t.Cleanup(func() { _ = p.Close() })
	return p
}

// receiver is one of a post office that its subscriptions have reached.
func (s *site) receiver(name string, topics ...string) *core.Receiver {
	s.t.Helper()
	before := subscriptions(s.office.Stats())
	r, err := core.NewReceiver(get(s.t, s.office, "endpoint.out"), name)
	require.NoError(s.t, err)
	set(s.t, r, "on_slow", "ignore")
	for _, topic := range topics {
		require.NoError(s.t, r.Subscribe(topic))
	}
	require.NoError(s.t, r.Start())
	s.t.Cleanup(func() { _ = r.Close() })
	s.eventually(func() bool { return subscriptions(s.office.Stats()) >= before+len(topics) }, "%s has subscribed", name)
	return r
}

func subscriptions(s core.PostOfficeStats) (n int) {
	for _, p := range s.Subscribers {
		n += p.Subscriptions
	}
	return n
}

func (s *site) eventually(is func() bool, what string, args ...any) {
	s.t.Helper()
	require.Eventually(s.t, is, soon, pollEvery, append([]any{what}, args...)...)
}

// numbers publishes values of a topic.
func numbers(t testing.TB, p *core.Publisher, topic string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		require.NoError(t, p.Publish(topic, "", fmt.Append(nil, i)))
	}
}

// joined is a backbone whose counters are all 0.
func joined() *backbone.Stats { return &backbone.Stats{Site: "a", Connected: true} }
