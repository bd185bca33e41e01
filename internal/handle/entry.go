package handle

import (
	"math"
	"sync/atomic"
)

// Entry is a registered object, with the number of calls that use it.
type Entry[T any] struct {
	object   T
	handle   Handle
	registry *Registry[T]
	holders  atomic.Int64 // calls that use it; the sign bit is set once the handle is closed
}

const closedBit = math.MinInt64

// Object is what was registered.
func (e *Entry[T]) Object() T { return e.object }

// Release ends one hold. The last one of a closed handle drops the object.
func (e *Entry[T]) Release() {
	if e.holders.Add(-1) == closedBit {
		e.registry.forget(e.handle)
	}
}

func (e *Entry[T]) hold() bool {
	for {
		n := e.holders.Load()
		if n < 0 {
			return false
		}
		if e.holders.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// close takes a hold and sets the closed bit, once.
func (e *Entry[T]) close() bool {
	for {
		n := e.holders.Load()
		if n < 0 {
			return false
		}
		if e.holders.CompareAndSwap(n, (n+1)|closedBit) {
			return true
		}
	}
}

// Open reports whether the handle still names the object.
func (e *Entry[T]) Open() bool { return !e.closed() }

func (e *Entry[T]) closed() bool { return e.holders.Load() < 0 }
