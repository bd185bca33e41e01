//go:build linux && !posix && !portable

package zmtp

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestTheHolderOfALeaseReadsTLS(t *testing.T) {
	o, i := tlsPair(t)
	fd, ok := i.LeaseReader()
	require.True(t, ok)
	for round := range 3 {
		o.Send(numbered("a", round, round+1))
		readable(t, fd)
		testkit.Eventually(t, func() bool { i.ReadLeased(); return i.len() == round+1 }, "message %d", round)
	}
	requireNumbered(t, i.got(), "a", 3)
}

// All arrives once and in order, however leases begin and end meanwhile.
func TestLeasesComeAndGoWithTLS(t *testing.T) {
	o, i := tlsPair(t)
	const n = 20_000
	var sending sync.WaitGroup
	sending.Go(func() {
		for at := 0; at < n; at += 50 {
			o.Send(numbered("a", at, at+50))
		}
	})
	round := 0
	testkit.Repeat(t, "all arrives", func() bool {
		if _, ok := i.LeaseReader(); ok && round%3 > 0 {
			for range round % 7 {
				i.ReadLeased()
			}
		}
		if round%2 == 0 {
			i.EndLease()
		}
		round++
		return i.len() >= n
	})
	testkit.Wait(t, &sending, "the sender")
	i.sink.wait(t, n)
	requireNumbered(t, i.got(), "a", n)
}
