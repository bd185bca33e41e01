package httpd

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// boundedListener has at most so many connections open. For another one it closes that which has been
// without a request for longest, so that idle connections keep no probe out; it waits where all have one.
// mu guards quiet, which is no longer than most.
type boundedListener struct {
	net.Listener
	room chan struct{}
	done chan struct{}
	end  sync.Once

	mu    sync.Mutex
	quiet *list.List // of *boundedConn without a request, the oldest first
}

func newBoundedListener(l net.Listener, most int) *boundedListener {
	return &boundedListener{Listener: l, room: make(chan struct{}, most), done: make(chan struct{}), quiet: list.New()}
}

// Accept accepts first: before that it is not known whether a connection has to be closed.
func (l *boundedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.room <- struct{}{}:
	default:
		l.closeQuietest()
		select {
		case l.room <- struct{}{}:
		case <-l.done:
			_ = c.Close()
			return nil, net.ErrClosed
		}
	}
	return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.room })}, nil
}

func (l *boundedListener) Close() error {
	l.end.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// closeQuietest closes the connection that has been without a request for longest, if there is one.
func (l *boundedListener) closeQuietest() {
	l.mu.Lock()
	first := l.quiet.Front()
	if first == nil {
		l.mu.Unlock()
		return
	}
	c := first.Value.(*boundedConn)
	l.forget(c)
	l.mu.Unlock()
	_ = c.Close()
}

// note is the ConnState of the server.
func (l *boundedListener) note(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*boundedConn)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(c)
	if state == http.StateNew || state == http.StateIdle {
		c.quiet = l.quiet.PushBack(c)
	}
}

// forget takes a connection off the quiet ones. The caller holds mu.
func (l *boundedListener) forget(c *boundedConn) {
	if c.quiet != nil {
		l.quiet.Remove(c.quiet)
		c.quiet = nil
	}
}

// boundedConn makes room when it closes.
type boundedConn struct {
	net.Conn
	leave func()
	quiet *list.Element // in the list of its listener, which guards it
}

func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
