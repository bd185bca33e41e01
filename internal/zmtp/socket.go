package zmtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/safe"
)

var errClosing = errors.New("the socket is being closed")

// role is what outlets and inlets do differently with a connection.
type role interface {
	// attach is told of a peer whose handshake has succeeded, before any event.
	attach(c *conn)
	// receive handles what the peer sends until the connection ends; early is what
	// has arrived behind the handshake.
	receive(c *conn, early []byte) error
	// detach is told that the peer is gone; nothing is sent to it any more. It
	// runs before the event and holds the lock of events.
	detach(c *conn)
	// accepts reports whether a peer of this type may stand on the other side.
	accepts(kind string) bool
	// lending reports whether connections are to be kept out of Go's poller.
	lending() bool
	// bounds are the limits of the queue to one peer.
	bounds() (messages int, bytes int64)
}

// socket is what outlets and inlets have in common: it listens and dials, knows
// the connections, and tells what happens to them.
//
// Locks are taken in this order: events, then a connection's own, then mu.
type socket struct {
	cfg    carrier.Config
	role   role
	ctx    context.Context
	cancel context.CancelFunc
	born   time.Time

	running sync.WaitGroup // every goroutine of this socket
	ending  sync.Once
	ended   chan struct{} // closed when they have all ended
	failing sync.Once
	lack    shortage

	endpoints []string
	listeners []*listener

	events sync.Mutex // held while OnEvent runs

	mu    sync.Mutex
	shut  bool
	conns map[*conn]struct{}
	next  uint64

	closed atomic.Bool             // as shut, for those who hold no lock
	peers  atomic.Pointer[[]*conn] // that have finished their handshake
	unsent atomic.Int64
}

// open binds all addresses and begins to dial. On an error nothing is left behind.
func (s *socket) open(cfg carrier.Config, r role) error {
	s.cfg, s.role = withDefaults(cfg), r
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.ended = make(chan struct{})
	s.conns = map[*conn]struct{}{}
	s.peers.Store(&[]*conn{})
	s.born = time.Now()
	dials, err := s.prepare()
	if err != nil {
		for _, l := range s.listeners {
			_ = l.Close()
		}
		s.cancel()
		return err
	}
	for _, l := range s.listeners {
		s.start(func() { s.accept(l) })
	}
	for _, a := range dials {
		s.start(func() { s.keepDialling(a) })
	}
	s.start(s.pulse)
	return nil
}

// prepare checks the addresses to dial and binds the others.
func (s *socket) prepare() (dials []endpoint, err error) {
	for _, text := range s.cfg.Connect {
		a, err := parseEndpoint(text)
		if err == nil {
			err = a.Connectable()
		}
		if err != nil {
			return nil, err
		}
		dials = append(dials, a)
	}
	for _, text := range s.cfg.Bind {
		a, err := parseEndpoint(text)
		if err == nil {
			err = a.Bindable()
		}
		if err != nil {
			return nil, err
		}
		l, err := a.listen()
		if err != nil {
			return nil, err
		}
		s.listeners = append(s.listeners, l)
		s.endpoints = append(s.endpoints, l.endpoint)
	}
	return dials, nil
}

// start runs f in a goroutine of this socket.
func (s *socket) start(f func()) {
	s.running.Add(1)
	safe.Go(nil, func() {
		defer s.running.Done()
		safe.Do(s.fail, f)
	})
}

// fail ends a socket in which a goroutine has panicked.
func (s *socket) fail(err error) {
	s.failing.Do(func() {
		s.close()
		s.abortAll(errors.New("the socket has failed"))
		if s.cfg.OnFailure != nil {
			s.cfg.OnFailure(err)
		}
	})
}

// close stops listening, dialling and shaking hands. It does not wait.
func (s *socket) close() {
	s.mu.Lock()
	first := !s.shut
	s.shut = true
	s.closed.Store(true)
	var strangers []*conn
	for c := range s.conns {
		if !c.ready {
			strangers = append(strangers, c)
		}
	}
	s.mu.Unlock()
	if !first {
		return
	}
	s.cancel()
	for _, l := range s.listeners {
		_ = l.Close()
	}
	for _, c := range strangers {
		c.abort(errClosing)
	}
}

func (s *socket) abortAll(reason error) {
	s.mu.Lock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.abort(reason)
	}
}

// end waits for all goroutines to end, which close and the connections' own end
// have set off; at the latest after linger it ends the connections itself. A
// negative linger has no end.
func (s *socket) end(linger time.Duration) {
	s.ending.Do(func() {
		safe.Go(nil, func() {
			s.running.Wait()
			close(s.ended)
		})
	})
	var late <-chan time.Time
	if linger >= 0 {
		t := time.NewTimer(linger)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-s.ended:
	case <-late:
		s.abortAll(errClosing)
		<-s.ended
	}
}

// tell hands an event to whom it concerns.
func (s *socket) tell(e carrier.Event) {
	s.events.Lock()
	defer s.events.Unlock()
	s.tellLocked(e)
}

func (s *socket) tellLocked(e carrier.Event) {
	if s.cfg.OnEvent != nil {
		s.cfg.OnEvent(e)
	}
}

// tellUnlessClosed is for troubles that closing itself brings about.
func (s *socket) tellUnlessClosed(e carrier.Event) {
	if !s.closed.Load() {
		s.tell(e)
	}
}

// accept takes in connections until the listener is closed. Where there is no
// descriptor for one, it waits in the kernel's queue until there is.
func (s *socket) accept(l *listener) {
	pause := time.Millisecond
	for {
		nc, err := l.Accept()
		if err == nil {
			nc, err = fds.RaiseConn(nc)
		}
		if s.closed.Load() {
			if err == nil {
				_ = nc.Close()
			}
			return
		}
		if err == nil {
			pause = time.Millisecond
			s.enough(l.endpoint)
			s.start(func() { _, _ = s.serve(nc, remote(nc, l.endpoint)) })
			continue
		}
		s.short("cannot accept a connection", l.endpoint, err)
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
		}
		pause = min(2*pause, longestPause)
		if exhausted(err) && spare() {
			s.enough(l.endpoint)
		}
	}
}

// longestPause is how long a listener that lacks descriptors waits before it tries
// again.
const longestPause = 250 * time.Millisecond

// remote is the address of whom we have accepted.
func remote(nc net.Conn, endpoint string) string {
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return "tcp://" + tcp.String()
	}
	return endpoint
}

// serve lives through one connection. ready reports that the handshake succeeded,
// err why the connection ended.
func (s *socket) serve(nc net.Conn, from string) (ready bool, err error) {
	defer func() { _ = nc.Close() }()
	c, err := s.admit(nc, from)
	if err != nil {
		s.tellUnlessClosed(carrier.Event{Kind: carrier.HandshakeFailed, Address: from}.WithError(err))
		return false, err
	}
	defer func() { _ = c.io.Close() }()
	defer s.forget(c)
	early, err := c.shake()
	if err == nil && s.role.lending() {
		_ = c.io.leavePoller() // where that fails, for want of descriptors say, it is not lent
	}
	if err == nil && !s.join(c) {
		err = errClosing
	}
	if err != nil {
		err = c.why(err)
		s.tellUnlessClosed(carrier.Event{Kind: carrier.HandshakeFailed, Peer: c.id, Address: from}.WithError(err))
		return false, err
	}
	reason := errors.New("a goroutine of this end has failed")
	defer func() { s.leave(c, reason) }()
	s.tell(carrier.Event{Kind: carrier.Connected, Peer: c.id, Address: from})
	s.start(c.write)
	reason = c.why(s.role.receive(c, early))
	return true, reason
}

// admit makes a conn, if there may be one more.
func (s *socket) admit(nc net.Conn, from string) (*conn, error) {
	c, err := newConn(s, nc, from)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		_ = c.io.Close()
		return nil, errClosing
	}
	if limit := s.cfg.Limits.Connections; len(s.conns) >= limit {
		_ = c.io.Close()
		return nil, fmt.Errorf("refused: there are %d connections already", limit)
	}
	s.next++
	c.id = s.next
	s.conns[c] = struct{}{}
	return c, nil
}

func (s *socket) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// join makes c one of the peers.
func (s *socket) join(c *conn) bool {
	s.mu.Lock()
	if s.shut {
		s.mu.Unlock()
		return false
	}
	c.ready = true
	peers := append(slices.Clone(*s.peers.Load()), c)
	s.peers.Store(&peers)
	s.mu.Unlock()
	s.role.attach(c)
	return true
}

// leave undoes join and tells of it.
func (s *socket) leave(c *conn, reason error) {
	unsent := c.out.kill()
	if s.closed.Load() { // Close will tell
		s.unsent.Add(int64(unsent))
		unsent = 0
	}
	s.events.Lock()
	defer s.events.Unlock()
	s.role.detach(c)
	s.mu.Lock()
	peers := slices.DeleteFunc(slices.Clone(*s.peers.Load()), func(p *conn) bool { return p == c })
	s.peers.Store(&peers)
	s.mu.Unlock()
	s.tellLocked(carrier.Event{Kind: carrier.Disconnected, Peer: c.id, Address: c.address, Unsent: unsent}.WithError(reason))
}

// Endpoints lists the addresses bound, with port and interface resolved.
func (s *socket) Endpoints() []string { return slices.Clone(s.endpoints) }
