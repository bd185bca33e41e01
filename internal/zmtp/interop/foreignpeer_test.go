//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// implementation is one library to meet, and the program that makes a foreign peer of it.
type implementation struct {
	name    string
	command []string // before ROLE bind|connect ADDRESS...; "build/" is the checkout's
	lacks   []lack
}

// lack is something that an implementation does not have, according to its documentation or
// source, with the reason why a test is not run. A role that is lacking must be refused by the
// foreign peer itself.
type lack struct {
	role     string // of the foreign peer, or "" for all
	mode     string // "bind", "connect", or "" for both
	scenario string // or "" for all; "curve" is all that are encrypted
	reason   string
}

// lacking is the reason why a scenario is not run, or "".
func (im *implementation) lacking(role, mode, scenario string) string {
	for _, l := range im.lacks {
		if (l.role == "" || l.role == role) && (l.mode == "" || l.mode == mode) &&
			(l.scenario == "" || l.scenario == scenario || l.scenario == "curve" && strings.HasPrefix(scenario, "curve_")) {
			return l.reason
		}
	}
	return ""
}

// program is the command with absolute paths.
func (im *implementation) program(t testing.TB) (words []string) {
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	for _, word := range im.command {
		words = append(words, strings.ReplaceAll(word, "build/", filepath.Join(root, "build")+"/"))
	}
	return words
}

// hello is the first line of a foreign peer.
type hello struct {
	Ready   []string
	Version string
	Refused string
}

// foreignPeer is a running program with a socket of its own.
type foreignPeer struct {
	hello
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	orders chan string
	stderr bytes.Buffer
	ended  chan struct{}

	mu  sync.Mutex
	got []message
}

// start starts a foreign peer, and waits until its socket is there.
func (im *implementation) start(t testing.TB, environment []string, role, mode string, addresses ...string) *foreignPeer {
	t.Helper()
	words := append(append(im.program(t), role, mode), addresses...)
	s := &foreignPeer{t: t, cmd: exec.Command(words[0], words[1:]...), ended: make(chan struct{}), orders: make(chan string, 1024)}
	s.cmd.Stderr = &s.stderr
	s.cmd.Env = append(os.Environ(), environment...)
	var err error
	s.in, err = s.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	ready := make(chan hello, 1)
	go s.read(out, ready)
	go s.write()
	t.Cleanup(s.kill)
	s.hello = <-ready
	if s.Refused == "" {
		require.Len(t, s.Ready, len(addresses), "%s", &s.stderr)
	}
	return s
}

// write passes on orders, so that giving one never blocks the test.
func (s *foreignPeer) write() {
	for order := range s.orders {
		_, _ = io.WriteString(s.in, order)
	}
}

// read collects what a foreign peer prints until it ends.
func (s *foreignPeer) read(out io.Reader, ready chan<- hello) {
	defer close(s.ended)
	lines := bufio.NewReaderSize(out, 1<<20)
	first := true
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		if first {
			var h hello
			_ = json.Unmarshal(line, &h)
			ready <- h
			first = false
			continue
		}
		s.took(line)
	}
	_ = s.cmd.Wait()
	if first {
		ready <- hello{}
	}
}

func (s *foreignPeer) took(line []byte) {
	var what struct{ Message []string }
	if err := json.Unmarshal(line, &what); err != nil {
		s.t.Errorf("%.100q: %v", line, err)
	}
	var m message
	for _, frame := range what.Message {
		body, err := hex.DecodeString(frame)
		if err != nil {
			s.t.Errorf("%.100q: %v", frame, err)
		}
		m = append(m, string(body))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m)
}

// received is what has arrived so far.
func (s *foreignPeer) received() []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[:len(s.got):len(s.got)]
}

// order gives the foreign peer a line of input; it obeys some time later.
func (s *foreignPeer) order(verb string, frames ...string) {
	var line strings.Builder
	line.WriteString(verb)
	for _, frame := range frames {
		line.WriteString(" =" + hex.EncodeToString([]byte(frame)))
	}
	line.WriteByte('\n')
	select {
	case s.orders <- line.String():
	case <-s.ended:
		require.Fail(s.t, "a foreign peer has ended", "%s", &s.stderr)
	}
}

func (s *foreignPeer) send(all ...message) {
	for _, m := range all {
		s.order("send", m...)
	}
}

// kill kills the process, and waits until it has ended.
func (s *foreignPeer) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
	if s.t.Failed() && s.stderr.Len() > 0 {
		s.t.Logf("output of the foreign peer:\n%s", &s.stderr)
		s.stderr.Reset()
	}
}
