//go:build invariants

package invariants_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/invariants"
)

func TestLocksAreTakenInTheOrderOfTheirRanks(t *testing.T) {
	var first, second invariants.Mutex
	var third invariants.RWMutex
	first.Rank("test", 1)
	second.Rank("test", 2)
	third.Rank("test", 3)

	first.Lock()
	second.Lock()
	third.RLock()
	third.RUnlock()
	first.Unlock() // any order
	require.Panics(t, first.Lock)
	require.Panics(t, second.Lock, "it would wait for itself")
	require.True(t, first.TryLock(), "what waits for nothing may be in any order")
	first.Unlock()
	second.Unlock()
	third.Lock()
	require.Panics(t, third.RLock)
	third.Unlock()
	lockOnce(&first)
}

// lockOnce locks and unlocks.
func lockOnce(l sync.Locker) {
	l.Lock()
	defer l.Unlock()
}

func TestRanksConcernOneGoroutineAndOneFamily(t *testing.T) {
	var first, second, other, unranked invariants.Mutex
	first.Rank("test", 1)
	second.Rank("test", 2)
	other.Rank("another", 1)

	second.Lock()
	defer second.Unlock()
	lockOnce(&other)
	lockOnce(&unranked)
	var group sync.WaitGroup
	group.Go(func() { lockOnce(&first) })
	group.Wait()
}

func TestAGoroutineReleasesOnlyItsOwnLocks(t *testing.T) {
	var mu invariants.Mutex
	mu.Rank("test", 1)
	mu.Lock()
	defer mu.Unlock()
	released := make(chan any)
	go func() {
		defer func() { released <- recover() }()
		mu.Unlock()
	}()
	require.NotNil(t, <-released)
}
