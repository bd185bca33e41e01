package inproc

import (
	"net"
	"time"
)

// Conn is one end of a connection. One goroutine reads and one writes at a time; the other methods are
// safe at any time.
type Conn struct {
	name     string
	listener uint64 // of the one that has dialled: the number of the listener
	in, out  *pipe
}

// Listener is the number of the listener that was dialled, for Await.
func (c *Conn) Listener() uint64 { return c.listener }

var _ net.Conn = (*Conn)(nil)

func newPair(name string) (a, b *Conn) {
	there, back := newPipe(), newPipe()
	return &Conn{name: name, in: back, out: there}, &Conn{name: name, in: there, out: back}
}

// Await waits until there is something to read; io.EOF where the peer has closed, and nothing waits. It calls
// idle before it waits.
func (c *Conn) Await(idle func()) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.await(idle)
}

// Receive copies what waits to dst, up to a range that is handed over by reference: that one it returns, if
// it comes first, and the caller owns its batch. It does not wait.
func (c *Conn) Receive(dst []byte) (r Range, n int) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.take(dst)
}

// Send hands ranges over until the peer has enough to read, and reports how many bytes that were, which is
// the sum of whole ranges. With wait it waits until the peer takes one.
func (c *Conn) Send(ranges []Range, wait bool) (n int, err error) { return c.out.put(ranges, wait) }

// Read implements net.Conn.
func (c *Conn) Read(dst []byte) (n int, err error) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	if err := c.in.await(nil); err != nil {
		return 0, err
	}
	c.in.asBytes()
	_, n = c.in.take(dst)
	return n, nil
}

// Write implements net.Conn. It sends a copy.
func (c *Conn) Write(src []byte) (int, error) {
	if len(src) == 0 {
		return 0, nil
	}
	return c.out.put([]Range{{Bytes: src}}, true)
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.out.close(&c.out.writer)
	c.in.close(&c.in.reader)
	return nil
}

// CloseWrite tells the peer that nothing more will come.
func (c *Conn) CloseWrite() error {
	c.out.close(&c.out.writer)
	return nil
}

// Unread is how many bytes of the peer's wait to be read.
func (c *Conn) Unread() int { return c.in.waiting() }

// Unsent is how many bytes the peer has not read.
func (c *Conn) Unsent() int { return c.out.waiting() }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return Addr(c.name) }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return Addr(c.name) }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	_, _ = c.SetReadDeadline(t), c.SetWriteDeadline(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.reader, t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writer, t)
	return nil
}
