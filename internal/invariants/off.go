//go:build !invariants

package invariants

import "sync"

// Enabled reports whether the build checks its invariants.
const Enabled = false

// Mutex is a sync.Mutex with a rank.
type Mutex struct{ sync.Mutex }

// Rank sets the rank of the lock within a family, before its first use.
func (*Mutex) Rank(family string, rank int) {}

// RWMutex is a sync.RWMutex with a rank.
type RWMutex struct{ sync.RWMutex }

// Rank sets the rank of the lock within a family, before its first use.
func (*RWMutex) Rank(family string, rank int) {}
