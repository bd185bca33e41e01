// Package testkit waits, in tests, for what must happen, and fails the test where it
// does not: a test that can only hang tells nothing, and keeps all others waiting.
package testkit

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Soon bounds how long a test waits for what must happen. It decides nothing else, so
// it is generous: tests run beside heavy load.
const Soon = 2 * time.Minute

// Receive takes a value from ch, which may also be closed.
func Receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	timer := time.NewTimer(Soon)
	defer timer.Stop()
	select {
	case v := <-ch:
		return v
	case <-timer.C:
		t.Fatalf("still waiting after %v: %s", Soon, what)
	}
	panic("not reached")
}

// Wait waits for a group.
func Wait(t testing.TB, group *sync.WaitGroup, what string) {
	t.Helper()
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	Receive(t, done, what)
}

// Finish runs f, which must come to an end.
func Finish(t testing.TB, what string, f func()) {
	t.Helper()
	var group sync.WaitGroup
	group.Go(f)
	Wait(t, &group, what)
}

// Repeat calls step again and again until it reports true.
func Repeat(t testing.TB, what string, step func() bool) {
	t.Helper()
	for end := time.Now().Add(Soon); !step(); {
		if time.Now().After(end) {
			t.Fatalf("it did not happen within %v: %s", Soon, what)
		}
	}
}

// Eventually waits until ok reports true; what, with args, says what that means. Between
// calls of ok it pauses for a millisecond.
func Eventually(t testing.TB, ok func() bool, what string, args ...any) {
	t.Helper()
	for end := time.Now().Add(Soon); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not happen within %v: %s", Soon, fmt.Sprintf(what, args...))
		}
	}
}
