package zmtp

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// Peers whose TLS is not ours: OpenSSL, and Python's ssl module.

// program is a program that ends with the test, or when its stdin is closed.
type program struct {
	net.Conn // none; for rawPeer
	in       io.WriteCloser
	out      *bufio.Reader

	mu       sync.Mutex
	problems bytes.Buffer // its standard error
}

// said reports how often a text stands in its standard error.
func (p *program) said(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.problems.String(), text)
}

// stderr takes the standard error of a program.
type stderr struct{ *program }

func (s stderr) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problems.Write(b)
}

func (p *program) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *program) Write(b []byte) (int, error) { return p.in.Write(b) }

func startProgram(t *testing.T, name string, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Soon) // so that no read waits for ever
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	p := &program{in: in, out: bufio.NewReader(out)}
	cmd.Stderr = stderr{p}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, &p.problems)
		}
	})
	return p
}

// line is its next line of output.
func (p *program) line(t *testing.T) string {
	t.Helper()
	text, err := p.out.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(text)
}

// portOf is the port of an endpoint.
func portOf(endpoint string) string { return endpoint[strings.LastIndexByte(endpoint, ':')+1:] }

// pythonMessages is what testdata/tlspeer.py sends and expects.
func pythonMessages(from, to int) *batch.Batch {
	b := &batch.Batch{}
	for n := from; n < to; n++ {
		size := n % 50
		if n%100 == 0 {
			size = 200_000
		}
		b.AppendFrame(strconv.AppendInt(nil, int64(n), 10), true)
		b.AppendFrame([]byte(strings.Repeat("x", size)), false)
	}
	return b
}

func TestPeersInPython(t *testing.T) {
	const count = 1000
	for _, pythonBinds := range []bool{true, false} {
		for _, pythonSends := range []bool{true, false} {
			t.Run(fmt.Sprintf("binds=%t/sends=%t", pythonBinds, pythonSends), func(t *testing.T) {
				a := testkit.NewAuthority(t)
				ours := withTLS(t, mutual(a, "ours"))
				a.Issue("python")
				start := func(how, port string) *program {
					role := map[bool]string{true: "pub", false: "sub"}[pythonSends]
					return startProgram(t, "python3", "testdata/tlspeer.py", role, how, port, a.File, a.Cert("python"), a.Key("python"), strconv.Itoa(count))
				}
				var python *program
				at := bind("tls://127.0.0.1:*")
				if pythonBinds {
					python = start("bind", "0")
					at = dial("tls://127.0.0.1:" + strings.TrimPrefix(python.line(t), "ready "))
				}
				if pythonSends {
					i := newInlet(t, carrier.SUB, []string{""}, at, ours)
					if !pythonBinds {
						python = start("connect", portOf(i.address()))
					}
					require.Equal(t, "done", python.line(t))
					i.sink.wait(t, count)
					for n, m := range i.got() {
						require.Equal(t, strconv.Itoa(n), m[0])
					}
					require.NoError(t, python.in.Close())
					require.Equal(t, errPeerClosed.Text, i.eventLog.wait(t, carrier.Disconnected, 1).Reason)
					return
				}
				o := newOutlet(t, carrier.Wait, 0, at, ours)
				if !pythonBinds {
					python = start("connect", portOf(o.address()))
				}
				o.eventLog.wait(t, carrier.Subscribed, 1)
				for n := 0; n < count; n += 50 {
					o.Send(pythonMessages(n, n+50))
				}
				require.Equal(t, "done", python.line(t))
				require.NoError(t, python.in.Close())
				require.Equal(t, errPeerClosed.Text, o.eventLog.wait(t, carrier.Disconnected, 1).Reason)
			})
		}
	}
}

// The client of OpenSSL changes its keys, and demands that ours change, at a line with a K.
func TestOpenSSLAsAClient(t *testing.T) {
	a := testkit.NewAuthority(t)
	o := newOutlet(t, carrier.Wait, 0, bind("tls://127.0.0.1:*"), withTLS(t, mutual(a, "server")))
	a.Issue("client")
	openssl := startProgram(t, "openssl", "s_client", "-connect", "127.0.0.1:"+portOf(o.address()), "-tls1_3", "-quiet", "-no_ign_eof",
		"-CAfile", a.File, "-verify_return_error", "-cert", a.Cert("client"), "-key", a.Key("client"))
	peer := &rawPeer{openssl, t}
	peer.shakeHands("SUB", 1)
	for n := range 5 {
		peer.send(appendSubscription(nil, 1, true, fmt.Appendf(nil, "t%d", n)))
		o.eventLog.wait(t, carrier.Subscribed, n+1)
		o.Send(message(fmt.Sprintf("t%d", n)))
		_, body := peer.receiveFrame()
		require.Equal(t, fmt.Sprintf("t%d", n), string(body))
		peer.send([]byte("K\n"))
		testkit.Eventually(t, func() bool { return openssl.said("KEYUPDATE") == n+1 }, "new keys")
	}
	require.NoError(t, openssl.in.Close())
	require.Equal(t, errPeerClosed.Text, o.eventLog.wait(t, carrier.Disconnected, 1).Reason)
}

func TestOpenSSLAsAServer(t *testing.T) {
	a := testkit.NewAuthority(t)
	a.Issue("server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := l.Addr().String()
	require.NoError(t, l.Close()) // a port that is free
	openssl := startProgram(t, "openssl", "s_server", "-accept", at, "-tls1_3", "-quiet", "-naccept", "1",
		"-CAfile", a.File, "-Verify", "1", "-verify_return_error", "-cert", a.Cert("server"), "-key", a.Key("server"))
	i := newInlet(t, carrier.SUB, []string{"yes"}, dial("tls://"+at), withTLS(t, mutual(a, "client")))
	peer := &rawPeer{openssl, t}
	peer.shakeHands("PUB", 1)
	_, body := peer.receiveFrame()
	require.Equal(t, "\x09SUBSCRIBEyes", string(body))
	peer.send(numbered("yes", 0, 100).Buf)
	i.sink.wait(t, 100)
	requireNumbered(t, i.got(), "yes", 100)
}

func TestOpenSSLIsRefusedWithoutACertificate(t *testing.T) {
	a := testkit.NewAuthority(t)
	o := newTLSOutlet(t, a)
	out, _ := exec.Command("openssl", "s_client", "-connect", "127.0.0.1:"+portOf(o.address()), "-tls1_3", "-ign_eof", "-CAfile", a.File).CombinedOutput()
	require.Contains(t, string(out), "certificate required")
	require.Contains(t, o.eventLog.wait(t, carrier.HandshakeFailed, 1).Reason, "the client has shown no certificate")
}
