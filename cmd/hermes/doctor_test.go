package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// examined runs doctor, and gives its verdicts by check. Of several findings of a check the last.
func examined(t *testing.T, args ...string) (code int, verdicts map[string]string, said string) {
	t.Helper()
	code, out, err := try(t, "", append([]string{"doctor", "--listen", "50ms"}, args...)...)
	verdicts = map[string]string{}
	for line := range strings.Lines(out) {
		var f finding
		require.NoError(t, json.Unmarshal([]byte(line), &f), line)
		verdicts[f.Check] = f.Verdict
		require.True(t, f.Verdict == verdictOK || f.Verdict == verdictSkipped || f.Advice != "" || f.Check == "subscription", "%s says what to do", line)
	}
	return code, verdicts, out + err
}

func TestDoctorFindsNothingWrong(t *testing.T) {
	at := reportingOffice(t)
	code, verdicts, said := examined(t, at["in"], at["out"], "--timeout", "60s", "--listen", "3s") // reports come each 20 ms
	require.Equal(t, exitOK, code, said)
	require.Equal(t, map[string]string{"resolve": "ok", "connect": "ok", "greet": "ok", "mechanism": "ok", "rights": "ok", "latency": "ok",
		"subscription": "ok", "clock": "ok"}, verdicts, said)
	require.Contains(t, said, "a post office's address for publishers (hermes 2)")
}

func TestDoctorTellsWhatIsWrong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Close()
		}
	}()
	code, verdicts, said := examined(t, "tcp://"+l.Addr().String())
	require.Equal(t, exitError, code)
	require.Equal(t, "failed", verdicts["greet"])
	require.Contains(t, said, "another kind of program listens there: check the port")

	code, verdicts, said = examined(t, "ipc:///nonexistent/socket")
	require.Equal(t, exitError, code)
	require.Equal(t, "failed", verdicts["connect"])
	require.Contains(t, said, "check that the post office is running")
}

func TestDoctorOfTwoPostOffices(t *testing.T) {
	_, one := startOffice(t)
	_, other := startOffice(t)
	code, verdicts, said := examined(t, one["in"], other["out"], "--timeout", "300ms")
	require.Equal(t, exitError, code)
	require.Equal(t, "failed", verdicts["subscription"], said)
	require.Contains(t, said, "are both addresses those of the same post office?")
}

// TestDoctorAsksTheHTTPServerOfAContext: whether it is ready, and whether it is one.
func TestDoctorAsksTheHTTPServerOfAContext(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	_, at := startOffice(t, "--http", "127.0.0.1:0")
	keep := func(url string) {
		code, _, said := try(t, "", "context", "set", "lab", "--in", at["in"], "--out", at["out"], "--http", url)
		require.Equal(t, exitOK, code, said)
	}
	keep(at["http"])
	_, verdicts, said := examined(t, "--context", "lab", "--timeout", "60s")
	require.Equal(t, "ok", verdicts["http"], said)
	require.Contains(t, said, `"check":"http","verdict":"ok","text":"it is ready"`)
	_, verdicts, said = examined(t, "--context", "lab", at["in"], at["out"], "--timeout", "60s")
	require.NotContains(t, verdicts, "http", said)

	status, body := http.StatusOK, "hello"
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer other.Close()
	keep(other.URL)
	for _, c := range []struct {
		status              int
		body, verdict, says string
	}{
		{http.StatusOK, "hello", "failed", "not the HTTP server of a post office: 200 OK"},
		{http.StatusServiceUnavailable, `{"status":"not ok","checks":[{"name":"sides","ok":false,"reason":"not all sides are open"}]}`, "failed", "sides: not all sides are open"},
		{http.StatusOK, `{"status":"ok","checks":[{"name":"backbone","ok":false,"reason":"there is no NATS"}]}`, "warning", "backbone: there is no NATS"},
	} {
		status, body = c.status, c.body
		code, verdicts, said := examined(t, "--context", "lab", "--timeout", "60s")
		require.Equal(t, c.verdict, verdicts["http"], said)
		require.Contains(t, said, c.says)
		require.Equal(t, c.verdict == "failed", code == exitError)
	}
	other.Close()
	_, verdicts, said = examined(t, "--context", "lab", "--timeout", "60s")
	require.Equal(t, "failed", verdicts["http"])
	require.Contains(t, said, "connection refused")
}

func TestDoctorOfKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	newKeys(t, "server", "client")
	_, at := startOffice(t, "--set", "curve.secret=server.key_secret", "--set", "curve.clients=client.key")
	code, verdicts, said := examined(t, at["out"], "--timeout", "60s")
	require.Equal(t, exitError, code)
	require.Equal(t, "failed", verdicts["mechanism"], said)
	require.Contains(t, said, "curve.server=KEY")
	code, verdicts, said = examined(t, at["out"], "--timeout", "60s", "--set", "curve.server=server.key", "--set", "curve.secret=client.key_secret")
	require.Equal(t, exitOK, code, said)
	require.Equal(t, "ok", verdicts["rights"])
}

func TestDoctorOfAPolicy(t *testing.T) {
	_, at := startOffice(t, "--policy", policyFile(t, "[users.all]\nanonymous = true\n[[allow]]\nusers = [\"all\"]\nsubscribe = [\"ticks\"]\n"))
	_, verdicts, said := examined(t, at["out"], "--timeout", "60s")
	require.Equal(t, "failed", verdicts["rights"], said)
	_, verdicts, said = examined(t, at["out"], "--timeout", "60s", "--topic", "ticks/")
	require.Equal(t, "ok", verdicts["rights"], said)
}

func TestClocksAreCompared(t *testing.T) {
	var out buffer
	d := &doctor{std: streams{out: &out}, print: &printer{out: &out, json: true}, out: "a"}
	d.judgeClocks(map[string]float64{"receiver a": 0.001, "receiver b": -0.1, "receiver c": 3})
	require.Contains(t, out.String(), `"check":"clock","verdict":"warning","text":"receiver b: its clock is 100 ms ahead of the one here"`)
	require.Contains(t, out.String(), `"check":"clock","verdict":"failed","text":"receiver c: its clock is 3 s behind the one here, or its envelopes are that old"`)
	require.NotContains(t, out.String(), "receiver a")
	require.Equal(t, 1, d.failed)
}
