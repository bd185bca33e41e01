package backbone_test

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// tcpProxy stands between a site and its NATS server. Held, it carries nothing, as a network that is interrupted:
// what was sent arrives later, unless its connection is cut.
type tcpProxy struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu      sync.Mutex
	moved   *sync.Cond // held, cutting or closed has changed
	held    bool
	refused bool // no connection comes about
	closed  bool
	conns   map[net.Conn]bool
}

func newTCPProxy(t testing.TB, target string) *tcpProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &tcpProxy{listener: l, target: target, conns: map[net.Conn]bool{}}
	p.moved = sync.NewCond(&p.mu)
	p.work.Go(p.accept)
	t.Cleanup(func() {
		p.set(func() { p.closed = true })
		_ = l.Close()
		p.cut()
		p.work.Wait()
	})
	return p
}

func (p *tcpProxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *tcpProxy) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.moved.Broadcast()
}

func (p *tcpProxy) hold()    { p.set(func() { p.held = true }) }
func (p *tcpProxy) release() { p.set(func() { p.held, p.refused = false, false }) }

// cut ends all connections at once; what is on its way is lost.
func (p *tcpProxy) cut() {
	p.set(func() {
		for c := range p.conns {
			if t, ok := c.(*net.TCPConn); ok {
				_ = t.SetLinger(0)
			}
			_ = c.Close()
		}
		clear(p.conns)
	})
}

// refuse cuts, and lets no connection come about until release.
func (p *tcpProxy) refuse() {
	p.set(func() { p.refused = true })
	p.cut()
}

func (p *tcpProxy) accept() {
	for {
		a, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.serve(a) })
	}
}

// serve carries between two connections until both have ended.
func (p *tcpProxy) serve(a net.Conn) {
	if !p.add(a) {
		return
	}
	b, err := net.Dial("tcp", p.target)
	if err != nil {
		p.end(a)
		return
	}
	if !p.add(b) {
		p.end(a)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.carry(a, b) })
	both.Go(func() { p.carry(b, a) })
	both.Wait()
}

// add keeps a connection, and reports whether it may be.
func (p *tcpProxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.refused {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *tcpProxy) end(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

// carry copies in one direction. What was read before the reader's end is delivered before it, as TCP does.
func (p *tcpProxy) carry(to, from net.Conn) {
	defer p.end(to)
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		for p.held && !p.closed {
			p.moved.Wait()
		}
		p.mu.Unlock()
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}
