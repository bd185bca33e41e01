package httpd

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlyTheNamesOfThisServerAreAnswered(t *testing.T) {
	s := newSite(t, Config{Hosts: []string{"office.example"}})
	own, err := os.Hostname()
	require.NoError(t, err)
	for host, code := range map[string]int{
		"localhost": 200, "LOCALHOST:9600": 200, "127.0.0.1": 200, "[::1]:80": 200, "10.1.2.3:9600": 200, "office.example": 200,
		"Office.Example.:9600": 200, own: 200, "evil.example": 421, "office.example.evil.example": 421, "127.0.0.1.evil.example": 421,
		"localhost.evil.example": 421,
	} {
		got, text := s.get("/livez", "Host", host)
		require.Equal(t, code, got, "%s: %s", host, text)
		if code != 200 {
			require.Contains(t, text, "--http-host")
		}
	}
}

func TestRequestsOfOtherWebSitesAreRefused(t *testing.T) {
	s := newSite(t, Config{PublishToken: tokenOf(t, secret)})
	for _, c := range []struct {
		method, path string
		code         int
		headers      []string
	}{
		{"GET", "/v1/stats", 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{"GET", "/v1/stats", 403, []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}},
		{"GET", "/v1/stats", 200, []string{"Sec-Fetch-Site", "same-origin"}},
		{"GET", "/", 200, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}},
		{"POST", "/v1/publish/a", 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{"POST", "/v1/publish/a", 403, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}},
		{"POST", "/v1/publish/a", 403, []string{"Origin", "http://evil.example"}},
		{"POST", "/v1/publish/a", 202, []string{"Sec-Fetch-Site", "same-origin"}},
		{"POST", "/v1/publish/a", 202, nil},
	} {
		headers := append([]string{"Content-Type", "application/json", "Authorization", "Bearer " + secret}, c.headers...)
		answer := s.request(c.method, c.path, "1", headers...)
		require.Equal(t, c.code, answer.StatusCode, "%+v", c)
		require.Empty(t, answer.Header.Get("Access-Control-Allow-Origin"))
	}
}

func TestEveryAnswerTellsBrowsersWhatIsAllowed(t *testing.T) {
	s := newSite(t, Config{})
	for _, path := range []string{"/", "/metrics", "/v1/stats", "/nothing"} {
		h := s.request("GET", path, "").Header
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'", path)
		require.NotContains(t, h.Get("Content-Security-Policy"), "unsafe", path)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
	}
}

func TestOtherMethodsAndPathsAreErrors(t *testing.T) {
	s := newSite(t, Config{})
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{"POST", "/metrics", 405}, {"DELETE", "/", 405}, {"GET", "/v1/publish/a", 405}, {"GET", "/v1/nothing", 404}, {"GET", "/../page.go", 404},
		{"GET", "/index.html", 404}, {"HEAD", "/", 200}, {"HEAD", "/v1/live", 200}, {"OPTIONS", "/v1/stats", 405},
	} {
		answer := s.request(c.method, c.path, "")
		require.Equal(t, c.code, answer.StatusCode, "%+v", c)
		if c.code == 405 {
			require.NotEmpty(t, answer.Header.Get("Allow"))
		}
	}
}

func TestATokenIsNeededForWhatShowsTraffic(t *testing.T) {
	s := newSite(t, Config{ReadToken: tokenOf(t, secret)})
	for _, path := range []string{"/v1/stats", "/v1/subscribe?topic=", "/v1/live"} {
		for _, headers := range [][]string{nil, bearer(""), bearer(secret + "0"), bearer(secret[1:]), {"Authorization", secret}, {"Authorization", "Basic " + secret}} {
			answer := s.request("GET", path, "", headers...)
			require.Equal(t, 401, answer.StatusCode, "%s %v", path, headers)
			require.Equal(t, "Bearer", answer.Header.Get("WWW-Authenticate"))
		}
		require.Equal(t, 200, s.request("HEAD", path, "", bearer(secret)...).StatusCode)
	}
	for _, path := range []string{"/", "/livez", "/readyz", "/metrics"} {
		require.Equal(t, 200, s.request("GET", path, "").StatusCode, path)
	}
}

// policyOf is a policy in which a program without a key may do what rules say.
func policyOf(t *testing.T, rules string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(path, []byte("[users.http]\nanonymous = true\norigins = [\"http\"]\n"+rules), 0o600))
	return path
}

func TestWithAPolicyNothingIsShownWithoutAToken(t *testing.T) {
	policy := policyOf(t, "[[allow]]\nusers = [\"*\"]\nsubscribe = [\"\"]\npublish = [\"\"]\n")
	closed := newSite(t, Config{}, "policy", policy)
	for _, path := range []string{"/v1/stats", "/v1/subscribe?topic=", "/v1/live"} {
		code, text := closed.get(path, bearer(secret)...)
		require.Equal(t, 403, code)
		require.Contains(t, text, "--http-token-file")
	}
	open := newSite(t, Config{ReadToken: tokenOf(t, secret)}, "policy", policy)
	code, _ := open.get("/v1/stats")
	require.Equal(t, 401, code)
	code, _ = open.get("/v1/stats", bearer(secret)...)
	require.Equal(t, 200, code)
}

func TestTokensThatAreWrongAreErrors(t *testing.T) {
	dir := t.TempDir()
	for text, why := range map[string]string{"": "has 0 characters", "short": "needs 16", "0123456789 abcdef 0123": "no header", "0123456789abcdefé": "no header"} {
		path := filepath.Join(dir, "token")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := ReadToken(path)
		require.ErrorContains(t, err, why)
		require.ErrorContains(t, err, "openssl rand")
	}
	_, err := ReadToken(filepath.Join(dir, "missing"))
	require.ErrorContains(t, err, "missing")
	_, err = ReadToken("env:HERMES_TEST_NO_TOKEN")
	require.ErrorContains(t, err, "HERMES_TEST_NO_TOKEN")
	t.Setenv("HERMES_TEST_TOKEN", secret)
	token, err := ReadToken("env:HERMES_TEST_TOKEN")
	require.NoError(t, err)
	r, err := http.NewRequest("GET", "/", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "bearer "+secret)
	require.True(t, token.is(r))
}

func TestAHeaderThatIsTooLongIsRefused(t *testing.T) {
	s := newSite(t, Config{})
	require.Equal(t, 431, s.request("GET", "/livez", "", "X-Long", strings.Repeat("a", 2*maxHeader+8192)).StatusCode)
}

func TestConnectionsAreBounded(t *testing.T) {
	l, err := Listen("127.0.0.1:*")
	require.NoError(t, err)
	bounded := newBoundedListener(l, 2)
	accepted := make(chan net.Conn, 3)
	go func() {
		for {
			c, err := bounded.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
	}
	first := receive(t, accepted)
	second := receive(t, accepted)
	select {
	case <-accepted:
		require.Fail(t, "a third was accepted")
	case <-time.After(20 * time.Millisecond):
	}
	require.NoError(t, first.Close())
	_ = first.Close() // makes no room twice
	third := receive(t, accepted)
	require.NoError(t, bounded.Close())
	require.Nil(t, receive(t, accepted), "Accept has returned")
	_, _ = second.Close(), third.Close()
}

func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(soon):
		require.Fail(t, "nothing came")
		panic("unreachable")
	}
}
