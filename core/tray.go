package core

import "github.com/hermes-zmq/hermes/internal/queue"

// Tray is where envelopes of a receiver are laid out for somebody else, who takes one
// after the other without asking. Until they are taken they count as queued: the
// receiver looks how many are gone whenever it looks at its inbox, and clears the tray
// before it gives envelopes to anybody else.
//
// All methods are called with the receiver's lock held, and must not call it.
type Tray interface {
	// Lay puts copies of envelopes on the tray, which is empty. False: it cannot.
	Lay(*Delivery) bool
	// Taken tells how many of those have been taken.
	Taken() int
	// Clear empties the tray, and tells the same for the last time.
	Clear() int
	// Drop ends the use of the tray.
	Drop()
}

// What is laid out at one time, at most, and how much there should be to begin at all:
// for a few envelopes it is not worth it.
const (
	laidMessages = 128
	laidBytes    = 32 << 10
	worthLaying  = 4
)

// SetTray gives a new receiver a tray.
func (r *Receiver) SetTray(t Tray) { r.inbox.tray = t }

// TakeOrLay is Take of one envelope, without a wait. Where that is better it lays
// envelopes out on the tray instead, or finds some there, and gives nil.
func (r *Receiver) TakeOrLay() (*Delivery, error) {
	r.inbox.mu.Lock()
	laid := r.inbox.laid() || r.inbox.lay()
	nothing := r.inbox.count == 0
	r.inbox.mu.Unlock()
	if nothing && r.fetch() {
		r.inbox.mu.Lock()
		laid = r.inbox.laid() || r.inbox.lay()
		r.inbox.mu.Unlock()
	}
	if laid {
		return nil, nil
	}
	return r.Take(1, 0)
}

// lay puts envelopes on the tray, which is empty. Only the rules by which a full inbox
// turns away what is new allow it, for the others want to be told of what is taken; and
// so does who waits on the descriptor.
func (x *inbox) lay() bool {
	if x.tray == nil || x.full != queue.DropNew || x.fd.Made() || x.count < worthLaying {
		return false
	}
	g := x.segments[0]
	n, bytes := 0, int64(0)
	for i := range g.items[g.next:] {
		size := g.items[g.next+i].size()
		if n == laidMessages || bytes+size > laidBytes {
			break
		}
		bytes += size
		n++
	}
	if n == 0 {
		return false
	}
	d := newDelivery()
	d.add(g, g.next, n, bytes)
	if x.tray.Lay(d) {
		x.lent, x.returned = n, 0
	}
	d.Release()
	return x.lent > 0
}

// laid looks what has been taken from the tray, and reports whether there is more.
func (x *inbox) laid() bool {
	if x.lent > 0 {
		x.took(x.tray.Taken())
	}
	return x.lent > 0
}

// clear takes back what is on the tray.
func (x *inbox) clear() {
	if x.lent > 0 {
		x.took(x.tray.Clear())
		x.lent = 0
	}
}

// took books that so many of what was laid out have been taken by now.
func (x *inbox) took(taken int) {
	if n := taken - x.returned; n > 0 {
		g := x.segments[0]
		x.advance(g, n, sizeOf(g.items[g.next:g.next+n]))
		x.counters.Delivered += uint64(n)
	}
	if x.returned = taken; taken == x.lent {
		x.lent = 0
	}
}

// dropTray ends the use of the tray, for good.
func (x *inbox) dropTray() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.clear()
	if x.tray != nil {
		x.tray.Drop()
		x.tray = nil
	}
}
