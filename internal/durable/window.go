package durable

import "sync"

// window is the messages that are under way to JetStream, by their index in the backlog. mu
// guards all of it.
//
//	first             sent
//	  |  acknowledged  |
//	  v  or not        v
//	--+----------------+-------->  index
type window struct {
	size uint64

	mu     sync.Mutex
	first  uint64 // every message before it is acknowledged, or given up
	sent   uint64 // the next one to send
	most   uint64 // the highest that sent has been
	acked  []bool // of the messages from first to first+size, by index modulo size
	count  uint64 // acknowledged messages
	epoch  uint64 // how often sending has begun anew
	broken string // why it has to; "" if it need not
	moved  bool   // a message was acknowledged in this epoch
	woken  uint64 // first, when the sender was woken last

	some chan struct{} // has an element when something may have changed
}

func (w *window) init(size int, first uint64) {
	w.size, w.first, w.sent, w.most = uint64(size), first, first, first
	w.acked = make([]bool, size)
	w.some = make(chan struct{}, 1)
}

func (w *window) wake() {
	select {
	case w.some <- struct{}{}:
	default:
	}
}

// begin begins anew, with the first message that is not acknowledged. moved reports whether any
// was acknowledged in the epoch that ends.
func (w *window) begin() (epoch uint64, moved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	moved = w.moved
	w.epoch++
	w.sent, w.broken, w.moved = w.first, "", false
	return w.epoch, moved
}

// room reports whether the message at index may be sent now. known: it need not be, it is
// acknowledged. again: it was sent before. broken: sending has to begin anew.
func (w *window) room(index uint64) (ok, known, again bool, broken string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.broken != "":
		return false, false, false, w.broken
	case index < w.first:
		return true, true, false, ""
	case index >= w.first+w.size:
		return false, false, false, ""
	}
	return true, w.acked[index%w.size], index < w.most, ""
}

// note notes that the message at index is sent.
func (w *window) note(index uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = index + 1
	w.most = max(w.most, w.sent)
}

// ack notes that the message at index is acknowledged; gone that it never will be, because it
// is too long. The sender is woken when there is room for many more, or nothing is under way:
// not each time, or it would send one by one.
func (w *window) ack(index uint64) {
	if w.finish(index, 1) {
		w.wake()
	}
}

func (w *window) gone(index uint64) { w.finish(index, 0) }

func (w *window) finish(index, count uint64) (wake bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if index < w.first || index >= w.most || w.acked[index%w.size] {
		return false
	}
	w.acked[index%w.size] = true
	w.count += count
	w.moved = true
	w.advance()
	if w.first >= w.sent || w.first-w.woken >= w.size/8 {
		w.woken = w.first
		return true
	}
	return false
}

// skip gives up all messages before index, which are damaged. Those from the first on are not
// under way.
func (w *window) skip(index uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if index > w.first {
		for i := w.first; i < min(index, w.first+w.size); i++ {
			w.acked[i%w.size] = false // what is acknowledged behind index stays so
		}
		w.first, w.most = index, max(w.most, index)
		w.advance()
		w.sent = w.first
	}
}

// advance moves first on, behind what is acknowledged. The caller holds mu.
func (w *window) advance() {
	for w.acked[w.first%w.size] {
		w.acked[w.first%w.size] = false
		w.first++
	}
}

// fail says that sending has to begin anew; epoch is that of the message that has failed.
func (w *window) fail(epoch uint64, why string) {
	w.mu.Lock()
	if epoch == w.epoch && w.broken == "" {
		w.broken = why
	}
	w.mu.Unlock()
	w.wake()
}

// done is the index of the first message that is not acknowledged.
func (w *window) done() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.first
}

// underWay reports how far acknowledgements are, and whether any is due.
func (w *window) underWay() (first uint64, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.first, w.sent > w.first
}

// out is how many messages are acknowledged.
func (w *window) out() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}
