//go:build invariants

package invariants

import (
	"slices"
	"sync"
)

// Enabled reports whether the build checks its invariants.
const Enabled = true

// Mutex is a sync.Mutex with a rank.
type Mutex struct {
	mu sync.Mutex
	ranked
}

// Lock locks the mutex, and panics where the order of locks forbids it.
func (m *Mutex) Lock() {
	m.taking()
	m.mu.Lock()
	m.taken()
}

// TryLock tries to lock the mutex; it waits for nothing, so any order is permitted.
func (m *Mutex) TryLock() bool {
	ok := m.mu.TryLock()
	if ok {
		m.taken()
	}
	return ok
}

// Unlock unlocks the mutex.
func (m *Mutex) Unlock() {
	m.released()
	m.mu.Unlock()
}

// RWMutex is a sync.RWMutex with a rank.
type RWMutex struct {
	mu sync.RWMutex
	ranked
}

// Lock locks for writing, and panics where the order of locks forbids it.
func (m *RWMutex) Lock() {
	m.taking()
	m.mu.Lock()
	m.taken()
}

// Unlock undoes Lock.
func (m *RWMutex) Unlock() {
	m.released()
	m.mu.Unlock()
}

// RLock locks for reading, and panics where the order of locks forbids it: a second
// RLock by the same goroutine blocks for ever once a writer waits between the two.
func (m *RWMutex) RLock() {
	m.taking()
	m.mu.RLock()
	m.taken()
}

// RUnlock undoes RLock.
func (m *RWMutex) RUnlock() {
	m.released()
	m.mu.RUnlock()
}

// ranked is the place of a lock in the order of its family; with rank 0 it has none.
type ranked struct {
	family string
	rank   int
}

// Rank sets the rank of the lock within a family, before its first use.
func (r *ranked) Rank(family string, rank int) { r.family, r.rank = family, rank }

// held maps a goroutine to the ranked locks that it holds. Only that goroutine reads and
// writes its list, which another may have left behind, empty.
var held sync.Map // uintptr -> *locks

// locks are ranked locks, oldest first.
type locks []*ranked

func heldHere() *locks {
	id := goroutine()
	if l, ok := held.Load(id); ok {
		return l.(*locks)
	}
	l := new(locks)
	held.Store(id, l)
	return l
}

func (r *ranked) taking() {
	if r.rank == 0 {
		return
	}
	for _, h := range *heldHere() {
		if h.family == r.family && h.rank >= r.rank {
			Check(false, "lock %d of %s is taken while lock %d is held", r.rank, r.family, h.rank)
		}
	}
}

func (r *ranked) taken() {
	if r.rank != 0 {
		l := heldHere()
		*l = append(*l, r)
	}
}

func (r *ranked) released() {
	if r.rank == 0 {
		return
	}
	l := heldHere()
	at := slices.Index(*l, r)
	Check(at >= 0, "lock %d of %s is released by a goroutine that does not hold it", r.rank, r.family)
	*l = slices.Delete(*l, at, at+1)
}
