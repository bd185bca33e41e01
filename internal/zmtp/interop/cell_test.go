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

// cell is one square of the matrix: a type of ours facing a role of a stranger's.
type cell struct {
	im   *implementation
	ours carrier.Type
	role string // of the stranger
	mode string // what the stranger does, bind or connect
	ipc  bool   // rather than tcp
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

func (c cell) sends() bool    { return c.ours == carrier.PUB || c.ours == carrier.XPUB }
func (c cell) theyBind() bool { return c.mode == "bind" }
func (c cell) theyTell() bool { return c.role == "xpub" }
func (c cell) meet(t *testing.T, addresses ...string) *stranger {
	t.Helper()
	s := c.im.meet(t, c.role, c.mode, addresses...)
	require.Empty(t, s.Refused)
	noteVersion(c.im, s.Version)
	return s
}

var places atomic.Int32

// place is an address on this machine that nobody else uses: a port that was free
// once is so later, when somebody comes back to it.
func (c cell) place(t *testing.T) string {
	n := places.Add(1)
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

// bound is a stranger that listens, and where.
func (c cell) bound(t *testing.T) (*stranger, string) {
	t.Helper()
	at := c.place(t)
	s := c.meet(t, at)
	if !c.ipc { // of a path, strangers say it in their own ways
		at = s.Ready[0]
	}
	return s, at
}

// outlet brings an outlet of ours and n strangers together.
func (c cell) outlet(t *testing.T, n int) (*outlet, []*stranger) {
	t.Helper()
	var them []*stranger
	if c.theyBind() {
		var addresses []string
		for range n {
			s, at := c.bound(t)
			them, addresses = append(them, s), append(addresses, at)
		}
		return openOutlet(t, c.ours, false, addresses...), them
	}
	o := openOutlet(t, c.ours, true, c.place(t))
	for range n {
		them = append(them, c.meet(t, o.Endpoints()[0]))
	}
	return o, them
}

// inlets brings n inlets of ours and one stranger together.
func (c cell) inlets(t *testing.T, n int) ([]*inlet, *stranger) {
	t.Helper()
	var ours []*inlet
	if c.theyBind() {
		s, at := c.bound(t)
		for range n {
			ours = append(ours, openInlet(t, c.ours, false, at))
		}
		return ours, s
	}
	var addresses []string
	for range n {
		i := openInlet(t, c.ours, true, c.place(t))
		ours, addresses = append(ours, i), append(addresses, i.Endpoints()[0])
	}
	return ours, c.meet(t, addresses...)
}
