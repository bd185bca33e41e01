//go:build interop

package interop

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// cell is one square of the matrix: a type of ours facing a role of a foreign implementation.
type cell struct {
	im   *implementation
	ours carrier.Type
	role string // of the foreign peer
	mode string // what the foreign peer does, bind or connect
	ipc  bool   // rather than tcp

	curve  string // which end of CURVE the foreign peer is: "server" or "client"; "": it is NULL
	misfit misfit // of their keys
}

// The pairs of the matrix: ours, theirs.
var pairs = []struct {
	ours carrier.Type
	role string
}{
	{carrier.PUB, "sub"}, {carrier.PUB, "xsub"}, {carrier.XPUB, "sub"}, {carrier.XPUB, "xsub"},
	{carrier.SUB, "pub"}, {carrier.SUB, "xpub"}, {carrier.XSUB, "pub"}, {carrier.XSUB, "xpub"},
}

var modes = []string{"bind", "connect"}

func (c cell) String() string {
	return fmt.Sprintf("%s/%s-%s/they_%s", c.im.name, c.ours, strings.ToUpper(c.role), c.mode)
}

func (c cell) sends() bool      { return c.ours == carrier.PUB || c.ours == carrier.XPUB }
func (c cell) theyBind() bool   { return c.mode == "bind" }
func (c cell) theyReport() bool { return c.role == "xpub" }
func (c cell) start(t *testing.T, addresses ...string) *foreignPeer {
	t.Helper()
	s := c.im.start(t, c.environment(), c.role, c.mode, addresses...)
	require.Empty(t, s.Refused)
	noteVersion(c.im, s.Version)
	return s
}

var lastAddress atomic.Int32

// address is an address on this machine that no other test uses: a port that was free
// once is free later, when a socket is to bind it again.
func (c cell) address(t *testing.T) string {
	n := lastAddress.Add(1)
	if c.ipc {
		return fmt.Sprintf("ipc://%s/%d", shortDir(t), n)
	}
	return fmt.Sprintf("tcp://127.%d.%d.%d:0", 1+n>>16, n>>8&255, n&255)
}

// shortDir is a folder of the test's own. The names of sockets must be short, and
// those of t.TempDir are not.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "interop")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// bound is a foreign peer that listens, and where.
func (c cell) bound(t *testing.T) (*foreignPeer, string) {
	t.Helper()
	at := c.address(t)
	s := c.start(t, at)
	if !c.ipc { // of a path, peers report it in their own ways
		at = s.Ready[0]
	}
	return s, at
}

// outlet brings an outlet of ours and n foreign peers together.
func (c cell) outlet(t *testing.T, n int) (*outlet, []*foreignPeer) {
	t.Helper()
	var them []*foreignPeer
	if c.theyBind() {
		var addresses []string
		for range n {
			s, at := c.bound(t)
			them, addresses = append(them, s), append(addresses, at)
		}
		return openOutlet(t, c, false, addresses...), them
	}
	o := openOutlet(t, c, true, c.address(t))
	for range n {
		them = append(them, c.start(t, o.Endpoints()[0]))
	}
	return o, them
}

// inlets brings n inlets of ours and one foreign peer together.
func (c cell) inlets(t *testing.T, n int) ([]*inlet, *foreignPeer) {
	t.Helper()
	var ours []*inlet
	if c.theyBind() {
		s, at := c.bound(t)
		for range n {
			ours = append(ours, openInlet(t, c, false, at))
		}
		return ours, s
	}
	var addresses []string
	for range n {
		i := openInlet(t, c, true, c.address(t))
		ours, addresses = append(ours, i), append(addresses, i.Endpoints()[0])
	}
	return ours, c.start(t, addresses...)
}
