package core

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// cutter is a piece of network between two components that can be cut.
type cutter struct {
	net.Listener
	target string

	mu     sync.Mutex
	broken bool
	open   []net.Conn
}

func newCutter(t testing.TB, endpoint string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cutter{Listener: l, target: strings.TrimPrefix(endpoint, "tcp://")}
	t.Cleanup(func() { _ = l.Close(); c.cut() })
	go c.run()
	return c
}

func (c *cutter) address() string { return "tcp://" + c.Addr().String() }

func (c *cutter) run() {
	for {
		near, err := c.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.target)
		if err != nil || !c.hold(near, far) {
			_ = near.Close()
			continue
		}
		go carry(near, far)
		go carry(far, near)
	}
}

func (c *cutter) hold(near, far net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		_ = far.Close()
		return false
	}
	c.open = append(c.open, near, far)
	return true
}

func carry(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

// cut ends all connections, and those to come.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = true
	for _, n := range c.open {
		_ = n.Close()
	}
	c.open = nil
}

func (c *cutter) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = false
}
