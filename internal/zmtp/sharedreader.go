package zmtp

import (
	"errors"
	"sync/atomic"
	"syscall"

	"github.com/hermes-zmq/hermes/internal/invariants"
)

// sharedReader is the reading of a connection that a goroutine and the holder of a
// reader lease take turns at. A holder waits for bytes outside of Go, in poll(2), and
// reads them in its own thread, which spares a switch to another thread.
//
//	lease: leased = true, mute the epoll instance; the goroutine sleeps on
//	read:  the holder reads and delivers, with mu held
//	end:   leased = false, unmute; what has arrived meanwhile wakes the goroutine
//
// A goroutine that is reading at the moment of the lease notices leased before its next
// read; until then the holder's read finds mu taken, and reads nothing. mu is held while
// a batch is delivered: it comes before all locks that delivering takes.
//
// The first error of either ends the reading for both: what is behind it does not count, and the
// state of a byteSink that has failed neither. The goroutine ends some time later, when it is told.
type sharedReader struct {
	leased atomic.Bool

	mu invariants.Mutex // held by the one that reads
	to byteSink         // nil before and after the connection's life, and from its first error on
}

func (r *sharedReader) setSink(to byteSink) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

// serve reads until the connection ends, except during leases. The connection's goroutine
// calls it.
func (r *sharedReader) serve(c *conn, to byteSink) error {
	r.setSink(to)
	defer r.setSink(nil)
	var failed error
	err := c.io.awaitReadable(func() (over bool) {
		more := true
		for more && !r.leased.Load() {
			r.mu.Lock()
			more, failed = r.readOnce(c)
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

// tryRead is readOnce for the holder of a lease. It reads nothing if the goroutine is still
// reading.
func (r *sharedReader) tryRead(c *conn) (more bool, err error) {
	if !r.mu.TryLock() {
		return false, nil
	}
	return r.readOnce(c)
}

// readOnce reads what has arrived into one arena, and reports whether there may be more. The
// caller holds mu, which readOnce releases.
func (r *sharedReader) readOnce(c *conn) (more bool, err error) {
	defer r.mu.Unlock()
	to := r.to
	if to == nil || c.aborted.Load() != nil {
		return false, nil
	}
	n, err := c.io.read(to.room, to.idle)
	if errors.Is(err, syscall.EAGAIN) {
		return false, nil
	}
	if err == nil {
		c.hear()
		err = to.consume(n)
	}
	if err != nil {
		r.to = nil
		return false, err
	}
	return true, nil
}

// lease begins a lease. It fails if the epoll instance cannot be muted.
func (r *sharedReader) lease(c *conn) error {
	r.leased.Store(true)
	err := c.io.mute()
	if err != nil {
		r.leased.Store(false)
	}
	return err
}

// end ends the lease. An error means that nothing would read the connection any more.
func (r *sharedReader) end(c *conn) error {
	r.leased.Store(false)
	return c.io.unmute()
}
