package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ask makes a request, with headers in pairs, and gives the code and the body of the answer.
func ask(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Timeout: soon, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

// tokenFile is a file with a token.
func tokenFile(t *testing.T, mode os.FileMode) (path, token string) {
	t.Helper()
	path, token = filepath.Join(t.TempDir(), "token"), strings.Repeat("0123456789abcdef", 2)
	require.NoError(t, os.WriteFile(path, []byte(token), mode))
	require.NoError(t, os.Chmod(path, mode))
	return path, token
}

func TestAPostOfficeServesHTTP(t *testing.T) {
	path, token := tokenFile(t, 0o600)
	office, at := startOffice(t, "--http", "127.0.0.1:*", "--http-publish-token-file", path)
	require.Regexp(t, `^http://127\.0\.0\.1:\d+$`, at["http"])
	code, text := ask(t, "GET", at["http"]+"/readyz", "")
	require.Equal(t, 200, code, text)
	sub := start(t, nil, "sub", "--count", "1", at["out"], "a/")
	require.Eventually(t, func() bool {
		_, text := ask(t, "GET", at["http"]+"/metrics", "")
		return strings.Contains(text, "hermes_postoffice_subscriptions 1\n")
	}, soon, time.Millisecond)
	code, text = ask(t, "POST", at["http"]+"/v1/publish/a/b", "5", "Content-Type", "application/json", "Authorization", "Bearer "+token)
	require.Equal(t, 202, code, text)
	require.Contains(t, sub.line(t), `"topic":"a/b","origin":"http","data":5`)
	require.Equal(t, exitOK, sub.end(t))
	_, text = ask(t, "GET", at["http"]+"/v1/live", "", "Sec-Fetch-Site", "cross-site")
	require.Contains(t, text, "another web site")
	office.cancel()
	require.Equal(t, exitOK, office.end(t))
	require.NotContains(t, office.stderr.String(), "every program in the network may read")
}

func TestHTTPIsOffByDefault(t *testing.T) {
	_, at := startOffice(t)
	require.NotContains(t, at, "http")
}

func TestAnExposedServerIsWarnedOf(t *testing.T) {
	office, at := startOffice(t, "--http", "*:*")
	office.says(t, "every program in the network may read what --http shows")
	require.True(t, strings.HasPrefix(at["http"], "http://0.0.0.0:"), at["http"])
}

// TestHTTPHasTheRightsOfItsKey: with keys and a policy, publishing and subscribing over HTTP are those of one
// user.
func TestHTTPHasTheRightsOfItsKey(t *testing.T) {
	path, token := tokenFile(t, 0o600)
	newKeys(t, "office", "web")
	require.NoError(t, os.WriteFile("policy.toml", []byte(`[users.web]
keys = ["web.key"]
origins = ["http"]
[[allow]]
users = ["web"]
publish = ["news"]
subscribe = ["news"]
`), 0o600))
	secure := []string{"--set", "curve.secret=office.key_secret", "--policy", "policy.toml", "--http", "127.0.0.1:*",
		"--http-publish-token-file", path, "--http-token-file", path}
	_, at := startOffice(t, append(secure, "--http-key", "web.key_secret")...)
	_, unknown := startOffice(t, secure...)
	headers := []string{"Content-Type", "application/json", "Authorization", "Bearer " + token}
	for _, c := range []struct {
		method, url string
		code        int
		says        string
	}{
		{"POST", at["http"] + "/v1/publish/news/1", 202, "true"},
		{"POST", at["http"] + "/v1/publish/orders/1", 403, "user web may not publish orders/1"},
		{"POST", unknown["http"] + "/v1/publish/news/1", 403, "is not known"},
		{"HEAD", at["http"] + "/v1/subscribe?topic=news", 200, ""},
		{"GET", unknown["http"] + "/v1/subscribe?topic=news", 403, "is not known"},
	} {
		code, text := ask(t, c.method, c.url, "1", headers...)
		require.Equal(t, c.code, code, "%+v: %s", c, text)
		require.Contains(t, text, c.says)
	}
}

func TestMistakesOfHTTPAreNamed(t *testing.T) {
	open, _ := tokenFile(t, 0o644)
	for says, args := range map[string][]string{
		"add --http 127.0.0.1:9600":                  {"--http-peer-metrics"},
		"write it as 127.0.0.1:9600":                 {"--http", "9600"},
		"every user of this machine can read":        {"--http", "127.0.0.1:*", "--http-token-file", open},
		"--http-publish-token-file: the environment": {"--http", "127.0.0.1:*", "--http-publish-token-file", "env:HERMES_TEST_UNSET"},
	} {
		code, _, err := try(t, "", append([]string{"postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*"}, args...)...)
		require.Equal(t, exitUsage, code, err)
		require.Contains(t, err, says)
	}
}

func TestAPortInUseEndsThePostOffice(t *testing.T) {
	_, at := startOffice(t, "--http", "127.0.0.1:*")
	code, _, err := try(t, "", "postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*", "--http", strings.TrimPrefix(at["http"], "http://"))
	require.Equal(t, exitError, code)
	require.Contains(t, err, "--http: ")
	require.Contains(t, err, "address already in use")
}
