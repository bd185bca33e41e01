package zmtp

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// shared is the reading of a connection that its goroutine and a borrower, who waits
// for what comes outside of Go, take turns at.
type shared struct {
	lent atomic.Bool // the goroutine is to leave it to the borrower

	mu     sync.Mutex // of who reads
	intake *intake    // nil once the connection has ended
}

// receiveShared is receive for a connection that may be lent.
func (c *conn) receiveShared(in *intake) error {
	c.shared.open(in)
	defer c.shared.open(nil)
	var failed error
	err := c.io.watch.wait(func() (over bool) {
		more := true
		for more && !c.shared.lent.Load() && c.aborted.Load() == nil {
			c.shared.mu.Lock()
			more, failed = c.fetch()
			if failed != nil {
				return true
			}
		}
		return false
	})
	if failed != nil {
		return failed
	}
	return err
}

func (s *shared) open(in *intake) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intake = in
}

// fetch reads what there is into one arena, and reports whether there may be more. The
// caller has taken the lock, which fetch gives back.
func (c *conn) fetch() (more bool, err error) {
	defer c.shared.mu.Unlock()
	in := c.shared.intake
	if in == nil {
		return false, nil
	}
	n, err := c.io.read(in.room, in.idle)
	if errors.Is(err, syscall.EAGAIN) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.hear()
	return true, in.took(n)
}

var _ carrier.ReaderLeaser = (*inlet)(nil)

// Lend implements carrier.ReaderLeaser.
func (i *inlet) LeaseReader() (fd int, ok bool) {
	peers := *i.peers.Load()
	if len(peers) != 1 || peers[0].io.watch == nil || i.borrowed.Load() != nil {
		return -1, false
	}
	c := peers[0]
	c.shared.lent.Store(true)
	if c.io.watch.silence() != nil {
		c.shared.lent.Store(false)
		return -1, false
	}
	i.borrowed.Store(c)
	return c.io.watch.fd, true
}

// Fetch implements carrier.ReaderLeaser.
func (i *inlet) ReadLeased() bool {
	c := i.borrowed.Load()
	if c == nil || !c.shared.mu.TryLock() {
		return false // or the goroutine is reading, still or again
	}
	more, err := c.fetch()
	if err != nil {
		c.abort(c.why(err))
	}
	return more
}

// EndLease implements carrier.ReaderLeaser.
func (i *inlet) EndLease() {
	if c := i.borrowed.Swap(nil); c != nil {
		c.shared.lent.Store(false)
		if err := c.io.watch.listen(); err != nil {
			c.abort(err) // else nobody would read it any more
		}
	}
}
