package handle

import (
	"sync"
	"sync/atomic"
)

// Registry maps handles to objects of type T. It holds strong references: an object lives
// until its handle is closed and the last call on it has returned. The zero value is
// empty and ready. Its methods may be called from any goroutine.
type Registry[T any] struct {
	tables [kinds]table[T] // by kind; the first is empty
}

// table holds the objects of one kind.
type table[T any] struct {
	mu   sync.Mutex
	free []uint64 // slots whose handles are closed and forgotten; guarded by mu

	// slots[i] belongs to slot i+1. The slice is replaced when it grows, under mu, so
	// that a reader needs no lock; the slots themselves stay where they are.
	slots atomic.Pointer[[]*slot[T]]
}

// slot is one place of a table, written under the mutex of the table.
type slot[T any] struct {
	issued atomic.Uint64            // generation of the handle issued last
	entry  atomic.Pointer[Entry[T]] // of that handle; nil once it is closed and forgotten
}

// Add registers an object and returns its handle; 0 where as many objects of this kind
// are open as there are slots, 2^24-1.
func (r *Registry[T]) Add(k Kind, object T) Handle {
	t := &r.tables[k]
	t.mu.Lock()
	defer t.mu.Unlock()
	number, s := t.take()
	if s == nil {
		return 0
	}
	h := join(k, s.issued.Load(), number)
	s.entry.Store(&Entry[T]{object: object, handle: h, registry: r})
	return h
}

// take finds a slot for another handle: one that was used before, or a new one. The
// caller holds mu.
func (t *table[T]) take() (number uint64, s *slot[T]) {
	slots := t.all()
	if n := len(t.free); n > 0 {
		number, t.free = t.free[n-1], t.free[:n-1]
		s = slots[number-1]
		s.issued.Add(1)
		return number, s
	}
	if len(slots) == maxSlot {
		return 0, nil
	}
	s = new(slot[T])
	slots = append(slots, s)
	t.slots.Store(&slots)
	return uint64(len(slots)), s
}

func (t *table[T]) all() []*slot[T] {
	if slots := t.slots.Load(); slots != nil {
		return *slots
	}
	return nil
}

// Get finds the entry of an open handle and holds it. The caller must Release it.
// nil means that the handle is closed, or was never issued.
func (r *Registry[T]) Get(h Handle) *Entry[T] {
	if e := r.find(h); e != nil && e.hold() {
		return e
	}
	return nil
}

// Close makes every later Get of the handle fail, and returns the entry, held, to
// the one caller that closed it. All others get nil.
func (r *Registry[T]) Close(h Handle) *Entry[T] {
	if e := r.find(h); e != nil && e.close() {
		return e
	}
	return nil
}

// Issued reports whether Add has ever returned h.
func (r *Registry[T]) Issued(h Handle) bool {
	s := r.slotOf(h)
	return s != nil && h.generation() <= s.issued.Load()
}

// Objects lists the objects of one kind whose handles are open.
func (r *Registry[T]) Objects(k Kind) []T {
	var objects []T
	for _, s := range r.tables[k].all() {
		if e := s.entry.Load(); e != nil && !e.closed() {
			objects = append(objects, e.object)
		}
	}
	return objects
}

// Len is the number of objects that the registry keeps alive.
func (r *Registry[T]) Len() (n int) {
	for k := range r.tables {
		for _, s := range r.tables[k].all() {
			if s.entry.Load() != nil {
				n++
			}
		}
	}
	return n
}

func (r *Registry[T]) find(h Handle) *Entry[T] {
	if s := r.slotOf(h); s != nil {
		if e := s.entry.Load(); e != nil && e.handle == h {
			return e
		}
	}
	return nil
}

// slotOf is the slot that a handle claims to have; nil where there is none.
func (r *Registry[T]) slotOf(h Handle) *slot[T] {
	number := h.slot()
	if slots := r.tables[h.Kind()].all(); number >= 1 && number <= uint64(len(slots)) {
		return slots[number-1]
	}
	return nil
}

// forget drops an object whose handle is closed and which no call uses any more.
func (r *Registry[T]) forget(h Handle) {
	t, s := &r.tables[h.Kind()], r.slotOf(h)
	t.mu.Lock()
	defer t.mu.Unlock()
	s.entry.Store(nil)
	if h.generation() < maxGeneration {
		t.free = append(t.free, h.slot())
	}
}
