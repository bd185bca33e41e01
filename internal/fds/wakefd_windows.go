// On Windows a WakeFD is a connection of this process with itself.

package fds

import "sync"

// WakeFD is a socket at which a goroutine waits, and by which a thread outside of Go wakes
// it. FD, Wake and Wait may be called from any goroutine, one Wait at a time.
type WakeFD struct{ pair *socketPair }

// NewWakeFD makes one.
func NewWakeFD() (*WakeFD, error) {
	pair, err := newSocketPair()
	if err != nil {
		return nil, err
	}
	return &WakeFD{pair}, nil
}

// FD is its number, a SOCKET, for threads that send to it, as many bytes as they like.
func (w *WakeFD) FD() int { return w.pair.number(w.pair.writer) }

// Wait calls done at once, and after each write, until it reports true, which the
// writer makes so before it writes. An error is that of a closed socket.
func (w *WakeFD) Wait(done func() bool) error {
	var bytes [64]byte
	for !done() {
		if _, err := w.pair.reader.Read(bytes[:]); err != nil {
			return err
		}
	}
	return nil
}

// Wake wakes the goroutine that waits.
func (w *WakeFD) Wake() { _, _ = w.pair.writer.Write([]byte{1}) }

// Keep leaves it open for good, for a thread may still write to it: without a reference, the
// garbage collector would close it.
func (w *WakeFD) Keep() { kept.Store(w, nil) }

// kept are those that Keep has left open.
var kept sync.Map

// Close closes it. No thread may write to it any more.
func (w *WakeFD) Close() { w.pair.close() }
