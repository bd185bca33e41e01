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

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// What the PUB side and the SUB side have in common: binding and connecting, the life
// of connections, the order of events.
//
// A connection lives in serve: admit (is there room?) → shakeHands → join (it is a peer
// now) → Connected → role.receive … → leave (it is no peer any more) → Disconnected →
// forget. Events of a peer are in that order.
//
// Closing: close stops listeners, dialers and handshakes and sets shut, after which
// nothing is admitted and nothing joins; then the connections end, by abort or, on the PUB
// side, when their queues are empty; waitUntilEnded returns when all goroutines have ended.
//
// What guards what: events is held while OnEvent runs and makes the order of events that
// of the changes they report. mu guards shut, conns, lastID and every conn.ready, and
// writes to peers; readers take the slice that peers points to, which never changes.
// Lock order: see zmtp.go.

var errClosing = errors.New("the socket is being closed")

// role is what outlets and inlets do differently with a connection.
type role interface {
	// attach is called for a peer whose handshake has succeeded, before any event.
	attach(c *conn)
	// receive handles what the peer sends until the connection ends; early is what
	// arrived behind the handshake.
	receive(c *conn, early []byte) error
	// detach is called when the peer is gone and nothing is sent to it any more, before
	// the event and with events held.
	detach(c *conn)
	// announce adds what the role has to say of itself when it shakes hands.
	announce(c *conn, p *properties)
	// accepts reports whether a peer of this socket type fits.
	accepts(peerType string) bool
	// leasesReader reports whether connections leave Go's poller, for reader leases.
	leasesReader() bool
	// side is what peers do at this socket, for their rights.
	side() access.Side
	// review is called, with events held, when the rights of a peer have changed.
	review(c *conn, r *access.Rights)
	// bounds are the limits of the queue to one peer.
	bounds() (messages int, bytes int64)
	// newBacklog returns what the queue to a peer needs to make room; nil if it does not.
	newBacklog() *backlog
}

// socket is what outlet and inlet embed.
type socket struct {
	cfg    carrier.Config // with defaults filled in
	role   role
	ctx    context.Context // ends when the socket is closed
	cancel context.CancelFunc
	born   time.Time // where clock begins

	running  sync.WaitGroup // every goroutine of this socket
	ending   sync.Once
	ended    chan struct{} // closed when they have all ended
	failing  sync.Once
	shortage shortage

	endpoints []string
	listeners []*listener

	curveServer *curve.Server    // nil if this end is a server of no connection
	guard       handshakeGuard   // of curveServer, and of servers of TLS
	careful     atomic.Bool      // see handshake.greet
	verdicts    *access.Verdicts // nil without a policy
	unwatch     func()           // ends reviewAll

	events invariants.Mutex

	mu     invariants.Mutex
	shut   bool
	conns  map[*conn]struct{} // in any state
	lastID uint64             // of a connection
	past   past               // connections that have ended

	closed atomic.Bool             // shut, readable without mu
	peers  atomic.Pointer[[]*conn] // that have finished their handshake
	unsent atomic.Int64            // messages that peers left behind since the socket was closed
}

// open binds all addresses and begins to dial. On an error nothing is left behind.
func (s *socket) open(cfg carrier.Config, r role) error {
	s.cfg, s.role = cfg.WithDefaults(), r
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.ended = make(chan struct{})
	s.conns = map[*conn]struct{}{}
	s.peers.Store(&[]*conn{})
	s.born = time.Now()
	s.shortage.emit = s.emitUnlessClosed
	s.events.Rank(lockFamily, rankEvents)
	s.mu.Rank(lockFamily, rankSocket)
	s.guard.init(s.ctx, &s.cfg)
	s.unwatch = func() {}
	if s.cfg.Access != nil {
		s.verdicts = access.NewVerdicts()
		s.unwatch = s.cfg.Access.Watch(s.reviewAll)
	}
	dials, err := s.prepare()
	if err != nil {
		for _, l := range s.listeners {
			_ = l.Close()
		}
		s.cancel()
		s.unwatch()
		return err
	}
	for _, l := range s.listeners {
		s.start(func() { l.acceptAll(s) })
	}
	for _, to := range dials {
		s.start(newDialer(s, to).run)
	}
	s.start(func() { checkHeartbeats(s) })
	return nil
}

// prepare checks the addresses to dial and binds the others.
func (s *socket) prepare() (dials []endpoint, err error) {
	if keys := s.cfg.Curve; keys != nil && keys.Clients != nil {
		s.curveServer = curve.NewServer(keys.Pair, keys.Clients)
	}
	for _, text := range s.cfg.Connect {
		a, err := parseEndpoint(text)
		if err == nil {
			err = a.Connectable()
		}
		if err == nil {
			err = s.checkWithin(a)
		}
		if err != nil {
			return nil, err
		}
		if a.tls && s.cfg.TLS == nil {
			return nil, fmt.Errorf("%w: %s without certificates", carrier.ErrUnsupported, a.Text)
		}
		dials = append(dials, a)
	}
	for _, text := range s.cfg.Bind {
		a, err := parseEndpoint(text)
		if err == nil {
			err = a.Bindable()
		}
		if err == nil {
			err = s.checkWithin(a)
		}
		if err != nil {
			return nil, err
		}
		if a.tls && (s.cfg.TLS == nil || s.cfg.TLS.Server() == nil) {
			return nil, fmt.Errorf("%w: cannot bind %s without a certificate: set tls.cert to the path of its PEM file, and tls.key to that of its key", carrier.ErrAddress, a.Text)
		}
		l, err := listen(a, s.cfg.SocketFile)
		if err != nil {
			return nil, err
		}
		s.listeners = append(s.listeners, l)
		s.endpoints = append(s.endpoints, l.endpoint)
	}
	return dials, nil
}

// clock is the time since the socket was opened, in ns, on a monotonic clock.
func (s *socket) clock() int64 { return int64(time.Since(s.born)) }

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
	var unready []*conn
	for c := range s.conns {
		if !c.ready {
			unready = append(unready, c)
		}
	}
	s.mu.Unlock()
	if !first {
		return
	}
	s.cancel()
	s.unwatch()
	for _, l := range s.listeners {
		_ = l.Close()
	}
	for _, c := range unready {
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

// waitUntilEnded waits for all goroutines, whose end close and the end of the connections
// have brought about; after linger at the latest it aborts the connections. A negative
// linger never ends.
func (s *socket) waitUntilEnded(linger time.Duration) {
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

// emit calls OnEvent.
func (s *socket) emit(e carrier.Event) {
	s.events.Lock()
	defer s.events.Unlock()
	s.emitLocked(e)
}

// emitLocked is emit for a caller that holds events.
func (s *socket) emitLocked(e carrier.Event) {
	if s.cfg.OnEvent != nil {
		s.cfg.OnEvent(e)
	}
}

// emitUnlessClosed is emit for failures that closing itself brings about.
func (s *socket) emitUnlessClosed(e carrier.Event) {
	if !s.closed.Load() {
		s.emit(e)
	}
}

// serve is the life of one connection, which has come to a bound address or was dialled. ready reports that the handshake succeeded,
// err why the connection ended.
func (s *socket) serve(nc net.Conn, from remoteEnd) (ready bool, err error) {
	defer func() { _ = nc.Close() }()
	c, err := s.admit(nc, from)
	if err != nil {
		s.noteFailure(from)
		s.auditRefusal(from, err)
		s.emitUnlessClosed(carrier.Event{Kind: carrier.HandshakeFailed, Address: from.address}.WithError(err))
		return false, err
	}
	defer func() { _ = c.io.Close() }()
	defer s.forget(c)
	early, err := shakeHands(c)
	if err == nil && s.role.leasesReader() {
		_ = c.io.leavePoller() // where that fails, for want of descriptors say, its reading is never leased
	}
	if c.guarded != nil {
		defer c.guarded.wipeInput() // by then nothing reads
	}
	if err == nil && !s.join(c) {
		c.out.kill()
		err = errClosing
	}
	if err != nil {
		err = c.reason(err)
		s.noteFailure(from)
		if !c.proved {
			s.auditRefusal(from, err)
		}
		s.emitUnlessClosed(carrier.Event{Kind: carrier.HandshakeFailed, Peer: c.id, Address: c.address}.WithError(err))
		return false, err
	}
	reason := errors.New("a goroutine of this end has failed") // unless receive returns
	defer func() { s.leave(c, reason) }()
	s.start(c.write) // before the event, which may take long: heartbeats are to be sent meanwhile
	s.admitted(c)
	s.emit(carrier.Event{Kind: carrier.Connected, Peer: c.id, Address: c.address, Local: c.credentials()})
	reason = c.reason(s.role.receive(c, early))
	return true, reason
}

// noteFailure tells the guard that the handshake of a peer at a bound address has failed.
func (s *socket) noteFailure(from remoteEnd) {
	if from.bound {
		s.guard.failed(time.Now())
	}
}

// admit makes a conn, if there may be one more.
func (s *socket) admit(nc net.Conn, from remoteEnd) (*conn, error) {
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
	if err := checkConnections(&s.cfg.Limits, len(s.conns)); err != nil {
		_ = c.io.Close()
		return nil, err
	}
	s.lastID++
	c.id = s.lastID
	s.conns[c] = struct{}{}
	return c, nil
}

// forget undoes admit.
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

// leave undoes join and reports it.
func (s *socket) leave(c *conn, reason error) {
	c.subscribed.Store(0) // or publishers would be held back for it, or would not be
	unsent := c.out.kill()
	d := c.describe(0)
	c.out.endNow()
	waited := unsent
	if s.closed.Load() { // Close returns it
		s.unsent.Add(int64(unsent))
		unsent = 0
	}
	s.events.Lock()
	defer s.events.Unlock()
	c.left = true
	s.role.detach(c)
	c.left = true
	s.mu.Lock()
	peers := slices.DeleteFunc(slices.Clone(*s.peers.Load()), func(p *conn) bool { return p == c })
	s.peers.Store(&peers)
	s.past.add(&d, waited)
	s.mu.Unlock()
	s.departed(c, reason)
	s.emitLocked(carrier.Event{Kind: carrier.Disconnected, Peer: c.id, Address: c.address, Unsent: unsent}.WithError(reason))
}

// Endpoints lists the addresses bound, with port and interface resolved.
func (s *socket) Endpoints() []string { return slices.Clone(s.endpoints) }
