package core

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// confined is the environment variable that makes this test program a post office
// with few descriptors; its value is how many.
const confined = "HERMES_TEST_DESCRIPTORS"

// TestMain lets the test program be run as another.
func TestMain(m *testing.M) {
	if limit := os.Getenv(confined); limit != "" {
		confinedOffice(limit)
		return
	}
	os.Exit(m.Run())
}

// confinedOffice runs a post office and answers questions, one a line.
func confinedOffice(limit string) {
	var n uint64
	_, err := fmt.Sscan(limit, &n)
	if err == nil {
		err = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n})
	}
	po, _ := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	if err == nil {
		err = po.Start()
	}
	in, _ := po.Get("endpoint.in")
	out, _ := po.Get("endpoint.out")
	fmt.Println(in, out, err)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "stats":
			fmt.Println(string(po.StatsJSON()))
		case "open": // one more component, in this very process
			r, _ := NewReceiver(out, "inside")
			err := r.Start()
			fmt.Println(CodeOf(err), err)
			_ = r.Close()
		}
	}
	fmt.Println(po.Close())
}

// captive is a confinedOffice in a process of its own.
type captive struct {
	t       testing.TB
	in, out string
	ask     io.WriteCloser
	lines   *bufio.Scanner
	cmd     *exec.Cmd
}

func newCaptive(t testing.TB, descriptors int) *captive {
	t.Helper()
	c := &captive{t: t, cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", confined, descriptors))
	c.cmd.Stderr = os.Stderr
	var err error
	c.ask, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() { _ = c.cmd.Process.Kill(); _ = c.cmd.Wait() })
	c.lines = bufio.NewScanner(out)
	c.lines.Buffer(nil, 16<<20)
	words := strings.Fields(c.line())
	require.Equal(t, "<nil>", words[2])
	c.in, c.out = words[0], words[1]
	return c
}

func (c *captive) line() string {
	c.t.Helper()
	require.True(c.t, c.lines.Scan(), "the post office has died: %v", c.lines.Err())
	return c.lines.Text()
}

func (c *captive) answer(question string) string {
	c.t.Helper()
	_, err := fmt.Fprintln(c.ask, question)
	require.NoError(c.t, err)
	return c.line()
}

func (c *captive) stats() (s PostOfficeStats) {
	c.t.Helper()
	require.NoError(c.t, json.Unmarshal([]byte(c.answer("stats")), &s))
	return s
}

// TestAConnectionFloodThatTakesAllDescriptors of a post office: it goes on serving
// those who are there, tells clearly what it cannot do, and serves everybody again
// when the flood is over.
func TestAConnectionFloodThatTakesAllDescriptors(t *testing.T) {
	po := newCaptive(t, 96)
	p := newPublisher(t, "zmtp", po.in)
	r := newReceiver(t, "zmtp", po.out, "on_slow", "ignore")
	require.NoError(t, p.WaitReady(soon))
	sent := 0
	serve := func(r *Receiver) {
		t.Helper()
		publishNumbers(t, p, "a", sent, sent+100)
		for _, e := range collect(t, r, 100) {
			require.Equal(t, fmt.Sprint(sent), string(e.Data))
			sent++
		}
	}
	serve(r)
	require.Equal(t, "0 <nil>", po.answer("open"))

	for range 3 {
		var flood []net.Conn
		for i := range 200 {
			endpoint := []string{po.in, po.out}[i%2]
			c, err := net.DialTimeout("tcp", strings.TrimPrefix(endpoint, "tcp://"), soon)
			if err != nil {
				break // its backlog is full as well
			}
			flood = append(flood, c)
		}
		require.Greater(t, len(flood), 96)
		require.Eventually(t, func() bool { return strings.HasPrefix(po.answer("open"), "-18 ") }, soon, pollEvery)
		require.Contains(t, po.answer("open"), "cannot open a socket: too many open files")
		serve(r)
		for _, c := range flood {
			_ = c.Close()
		}
		require.Eventually(t, func() bool { return po.answer("open") == "0 <nil>" }, soon, 50*time.Millisecond)
		// What was opened has gone again, and is not taken for the late one.
		require.Eventually(t, func() bool { return len(po.stats().Subscribers) == 1 }, soon, pollEvery)
		late := newReceiver(t, "zmtp", po.out, "on_slow", "ignore")
		require.Eventually(t, func() bool { return subscribed(po.stats()) == 2 }, soon, pollEvery)
		serve(r)
		collect(t, late, 100)
		require.NoError(t, late.Close())
		require.Eventually(t, func() bool { return len(po.stats().Subscribers) == 1 }, soon, pollEvery)
	}
	require.Zero(t, r.Stats().Lost)
	require.NoError(t, po.ask.Close())
	require.Equal(t, "<nil>", po.line(), "it closes well")
	require.NoError(t, po.cmd.Wait())
}
