// Package inproc connects sockets of one process: the transport inproc. It hides the names at
// which they meet, and how bytes and messages get from one end of a connection to the other. It
// knows no ZMTP: package zmtp speaks it over these connections as over any other.
//
//	names.go   names: Listen and Dial
//	conn.go    a connection: a net.Conn, which passes on ranges of batches by reference
//	pipe.go    one direction of a connection
//
// Rules: a name belongs to one listener at a time, and is free when Close of that returns. A name
// need not be bound when it is dialled: Await tells when it is. What was sent before an end was
// closed can still be read at the other end.
//
// Locks: names.mu, pipe.mu; no goroutine takes one while it holds another, and no function of another
// package is called with one held, but for those of package batch and what Await is to call.
package inproc

import (
	"fmt"
	"net"
	"sync"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
)

// names are the names of this process.
var names = struct {
	mu      sync.Mutex
	bound   map[string]*Listener
	awaited map[string]*await
	last    uint64 // number of a listener
}{bound: map[string]*Listener{}, awaited: map[string]*await{}}

// await is what waits for one name to be bound.
type await struct {
	bound   chan struct{} // closed when it is
	waiters int
}

// ErrUnbound is what Dial fails with where no listener has the name.
var ErrUnbound = &carrier.Fault{Cause: carrier.CauseRefused, Text: "connection refused: nothing in this process has bound this name"}

// Addr is the address of an end: its name.
type Addr string

// Network implements net.Addr.
func (Addr) Network() string { return "inproc" }

func (a Addr) String() string { return string(a) }

// Listener has a name, and accepts connections.
type Listener struct {
	name   string
	number uint64 // listeners are numbered from 1 on

	come    sync.Cond // a connection waits, or the listener was closed; its lock is names.mu
	waiting []*Conn
	closed  bool
}

var _ net.Listener = (*Listener)(nil)

// Listen binds a name; EADDRINUSE where it is bound already.
func Listen(name string) (*Listener, error) {
	names.mu.Lock()
	defer names.mu.Unlock()
	if names.bound[name] != nil {
		return nil, fmt.Errorf("inproc://%s: %w", name, errno.EADDRINUSE)
	}
	names.last++
	l := &Listener{name: name, number: names.last}
	l.come.L = &names.mu
	names.bound[name] = l
	if a := names.awaited[name]; a != nil {
		close(a.bound)
		delete(names.awaited, name)
	}
	return l, nil
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	names.mu.Lock()
	defer names.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.come.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	c := l.waiting[0]
	l.waiting = append(l.waiting[:0], l.waiting[1:]...)
	return c, nil
}

// Close implements net.Listener. Connections that were not accepted end.
func (l *Listener) Close() error {
	names.mu.Lock()
	left := l.waiting
	l.waiting = nil
	if !l.closed {
		l.closed = true
		delete(names.bound, l.name)
	}
	l.come.Broadcast()
	names.mu.Unlock()
	for _, c := range left {
		_ = c.Close()
	}
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return Addr(l.name) }

// Dial connects to a name; ErrUnbound where no listener has it. It does not wait.
func Dial(name string) (*Conn, error) {
	names.mu.Lock()
	defer names.mu.Unlock()
	l := names.bound[name]
	if l == nil {
		return nil, ErrUnbound
	}
	here, there := newPair(name)
	here.listener = l.number
	l.waiting = append(l.waiting, there)
	l.come.Signal()
	return here, nil
}

// Await returns a channel that is closed once a listener has the name that is newer than the one with this
// number. done is called when the caller does not wait any more.
func Await(name string, listener uint64) (bound <-chan struct{}, done func()) {
	names.mu.Lock()
	defer names.mu.Unlock()
	if l := names.bound[name]; l != nil && l.number > listener {
		now := make(chan struct{})
		close(now)
		return now, func() {}
	}
	a := names.awaited[name]
	if a == nil {
		a = &await{bound: make(chan struct{})}
		names.awaited[name] = a
	}
	a.waiters++
	return a.bound, func() {
		names.mu.Lock()
		defer names.mu.Unlock()
		if a.waiters--; a.waiters == 0 && names.awaited[name] == a {
			delete(names.awaited, name)
		}
	}
}
