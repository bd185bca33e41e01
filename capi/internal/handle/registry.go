package handle

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Registry maps handles to objects of type T. It holds strong references: an
// object lives until its handle is closed and the last call on it has returned.
// Its methods may be called from any goroutine.
type Registry[T any] struct {
	// entries is replaced as a whole under mu, so that Get, which every call from C
	// goes through, takes no lock.
	entries atomic.Pointer[map[Handle]*Entry[T]]
	mu      sync.Mutex
	issued  [kinds]atomic.Uint64 // highest count given out, by kind
}

// Add registers an object and returns its handle.
func (r *Registry[T]) Add(k Kind, object T) Handle {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := join(k, r.issued[k].Load()+1)
	entries := r.copy()
	entries[h] = &Entry[T]{object: object, handle: h, registry: r}
	r.entries.Store(&entries)
	r.issued[k].Store(h.count()) // last, so that a handle is never issued and yet unknown
	return h
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
// the one caller that closed it. Everybody else gets nil.
func (r *Registry[T]) Close(h Handle) *Entry[T] {
	if e := r.find(h); e != nil && e.close() {
		return e
	}
	return nil
}

// Issued reports whether Add has ever returned h.
func (r *Registry[T]) Issued(h Handle) bool {
	k := h.Kind()
	return k != 0 && h.count() >= 1 && h.count() <= r.issued[k].Load()
}

// Objects lists the objects of one kind whose handles are open.
func (r *Registry[T]) Objects(k Kind) []T {
	var objects []T
	if entries := r.entries.Load(); entries != nil {
		for h, e := range *entries {
			if h.Kind() == k && !e.closed() {
				objects = append(objects, e.object)
			}
		}
	}
	return objects
}

// Len is the number of objects that the registry keeps alive.
func (r *Registry[T]) Len() int {
	if entries := r.entries.Load(); entries != nil {
		return len(*entries)
	}
	return 0
}

func (r *Registry[T]) find(h Handle) *Entry[T] {
	if entries := r.entries.Load(); entries != nil {
		return (*entries)[h]
	}
	return nil
}

func (r *Registry[T]) forget(h Handle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := r.copy()
	delete(entries, h)
	r.entries.Store(&entries)
}

// copy returns the entries for a writer to change; mu must be held.
func (r *Registry[T]) copy() map[Handle]*Entry[T] {
	if entries := r.entries.Load(); entries != nil {
		return maps.Clone(*entries)
	}
	return make(map[Handle]*Entry[T])
}
