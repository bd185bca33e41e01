package embed_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// takeOne takes one envelope without a wait.
func (l *leasing) takeOne(t *testing.T) string {
	t.Helper()
	var d recvqueue.Taken
	defer d.Release()
	require.Equal(t, recvqueue.Took, l.TakeInto(&d, 1))
	var v recvqueue.View
	d.Look(0, &v)
	return string(v.Data)
}

func (l *leasing) leases() bool { _, ok := l.AcquireLease(false); return ok }

// poll waits until a descriptor is readable, as C does.
func poll(t *testing.T, fd int) {
	t.Helper()
	require.True(t, testkit.Readable(t, fd, testkit.Soon))
}

func TestTheHolderReadsWhatItTakes(t *testing.T) {
	l := newLeasing(t)
	for i := range 10 {
		var d recvqueue.Taken
		require.Equal(t, recvqueue.TimedOut, l.TakeInto(&d, 1))
		fd, ok := l.AcquireLease(false)
		require.True(t, ok)
		l.publish(t, i)
		poll(t, fd)
		require.Equal(t, fmt.Sprint(i), l.takeOne(t))
		l.Lease.Release(true)
	}
}

// While its holder is away no thread waits for the connection, but not for long.
func TestALeaseEndsWhereItsHolderStaysAway(t *testing.T) {
	l := newLeasing(t)
	testkit.Repeat(t, "the holder may be back at once", func() bool {
		require.True(t, l.leases())
		l.Lease.Release(true)
		return l.Lease.Active() // unless this thread has slept meanwhile
	})
	l.publish(t, 1)
	testkit.Repeat(t, "its goroutine reads", func() bool { return l.receiver.Stats().Arrived == 1 })
	require.False(t, l.Lease.Active())
	require.NotZero(t, l.woken.Load())
	require.Equal(t, "1", l.takeOne(t))
}

func TestOneThreadHoldsTheLeaseAtATime(t *testing.T) {
	l := newLeasing(t)
	require.True(t, l.leases())
	require.False(t, l.leases(), "another thread waits already")
	_, ok := l.AcquireLease(true)
	require.True(t, ok, "the one that waits may go on")
	require.False(t, l.leases())
	woken := l.woken.Load()
	l.Lease.Release(true) // and another thread was refused, so this one is not to come back first
	require.False(t, l.Lease.Active())
	l.publish(t, 1)
	testkit.Repeat(t, "the waker is called", func() bool { return l.woken.Load() > woken })
	require.Equal(t, "1", l.takeOne(t))
}

func TestWhatIsNotLeased(t *testing.T) {
	t.Run("a full queue holds up the reader", func(t *testing.T) {
		l := newLeasing(t, "queue.messages", "1", "queue.block", "1h")
		l.publish(t, 0)
		testkit.Repeat(t, "one is queued", func() bool { return l.receiver.Stats().Queued == 1 })
		l.publish(t, 1)
		testkit.Repeat(t, "its goroutine waits for room", func() bool {
			if l.leases() {
				l.Lease.Release(false)
				return false
			}
			return true
		})
		require.Equal(t, "0", l.takeOne(t))
		testkit.Repeat(t, "it has room", func() bool { return l.receiver.Stats().Queued == 1 })
		require.True(t, l.leases())
	})
	t.Run("the descriptor must tell", func(t *testing.T) {
		l := newLeasing(t)
		require.True(t, l.leases())
		woken := l.woken.Load()
		fd, err := l.receiver.FD()
		require.NoError(t, err)
		require.Greater(t, l.woken.Load(), woken, "the holder is told")
		_, ok := l.AcquireLease(true)
		require.False(t, ok)
		l.publish(t, 1)
		poll(t, fd)
	})
	t.Run("what lies unread is soon too old", func(t *testing.T) {
		l := newLeasing(t, "timeout", "20ms")
		require.True(t, l.leases(), "ages are ignored")
		l.Lease.Release(true)
		set(t, l.receiver, "on_slow", "drop")
		require.False(t, l.leases())
		require.False(t, l.Lease.Active())
		set(t, l.receiver, "timeout", "1s")
		require.True(t, l.leases())
	})
	t.Run("several paths", func(t *testing.T) {
		require.False(t, newLeasing(t, "redundant", "on").leases())
	})
	t.Run("one that is not connected, or has stopped", func(t *testing.T) {
		l := newLeasing(t)
		require.NoError(t, l.receiver.Stop(time.Second))
		require.False(t, l.leases())
	})
}

// A goroutine that waits is not woken by what the holder could read.
func TestTakingInGoEndsALease(t *testing.T) {
	l := newLeasing(t)
	require.True(t, l.leases())
	l.publish(t, 1)
	e, err := l.receiver.Recv(testkit.Soon)
	require.NoError(t, err)
	require.Equal(t, `1`, string(e.Data))
	require.False(t, l.Lease.Active())
}

func TestTheEndOfAConnectionEndsALease(t *testing.T) {
	l := newLeasing(t)
	require.True(t, l.leases())
	woken := l.woken.Load()
	require.NoError(t, l.receiver.Stop(time.Second))
	require.Greater(t, l.woken.Load(), woken)
	_, ok := l.AcquireLease(true)
	require.False(t, ok)
	l.Lease.Release(true)

	l = newLeasing(t)
	require.True(t, l.leases())
	require.NoError(t, l.publisher.Close())
	testkit.Repeat(t, "the peer has left", func() bool {
		var d recvqueue.Taken
		_ = l.TakeInto(&d, 1) // what reads meets the end
		d.Release()
		return !l.Lease.Active()
	})
}

// Threads that lease, take and stay away lose nothing and get nothing twice.
func TestHoldersInTurn(t *testing.T) {
	for _, messages := range []string{"1000000", "100"} { // with room for all, and with a queue that holds back the publisher
		t.Run(messages, func(t *testing.T) { takeInTurn(t, newLeasing(t, "queue.messages", messages, "queue.block", "1h")) })
	}
}

func takeInTurn(t *testing.T, l *leasing) {
	const n = 30_000
	seen := make([]atomic.Int32, n)
	var count atomic.Int64
	take := func(most int) {
		var d recvqueue.Taken
		defer d.Release()
		if l.TakeInto(&d, most) != recvqueue.Took {
			return
		}
		var v recvqueue.View
		for i := range d.Len() {
			d.Look(i, &v)
			var number int
			_, _ = fmt.Sscan(string(v.Data), &number)
			seen[number].Add(1)
			count.Add(1)
		}
	}
	var taking sync.WaitGroup
	for thread := range 3 {
		taking.Go(func() {
			for round := 0; count.Load() < n; round++ {
				woken := l.woken.Load()
				take(1 + round%50)
				fd, ok := l.AcquireLease(false)
				if !ok {
					time.Sleep(time.Millisecond)
					continue
				}
				for l.woken.Load() == woken {
					if testkit.Readable(t, fd, time.Millisecond) {
						break
					}
				}
				take(1000)
				l.Lease.Release(true)
				if round%10 == thread {
					time.Sleep(2 * embed.MaxAway)
				}
			}
		})
	}
	for i := range n {
		l.publish(t, i)
	}
	testkit.Wait(t, &taking, "all is taken")
	for i := range seen {
		require.EqualValues(t, 1, seen[i].Load(), "envelope %d", i)
	}
	s := l.receiver.Stats()
	require.Zero(t, s.Lost)
	require.EqualValues(t, n, s.Delivered)
	require.EqualValues(t, n, s.Arrived)
}

// TestTheHolderReadsMoreThanTheBound rather than to wait for itself.
func TestTheHolderReadsMoreThanTheBound(t *testing.T) {
	l := newLeasing(t, "queue.messages", "3", "queue.block", "1h")
	fd, ok := l.AcquireLease(false)
	require.True(t, ok)
	const n = 25
	for i := range n {
		l.publish(t, i)
	}
	poll(t, fd)
	got := 0
	testkit.Repeat(t, "all is taken", func() bool {
		var d recvqueue.Taken
		defer d.Release()
		_ = l.TakeInto(&d, n)
		got += d.Len()
		return got == n
	})
	s := l.receiver.Stats()
	require.EqualValues(t, []int{n, 0}, []int{int(s.Delivered), int(s.DroppedOverflow)})
}

// TestStoppingDoesNotWaitForRoom, whichever thread reads.
func TestStoppingDoesNotWaitForRoom(t *testing.T) {
	l := newLeasing(t, "queue.messages", "1", "queue.block", "1h")
	fd, ok := l.AcquireLease(false)
	require.True(t, ok)
	for i := range 3 {
		l.publish(t, i)
	}
	require.NoError(t, l.publisher.Stop(testkit.Soon))
	poll(t, fd)
	require.Equal(t, "0", l.takeOne(t))
	testkit.Finish(t, "the stop", func() { require.NoError(t, l.receiver.Stop(testkit.Soon)) })
	s := l.receiver.Stats()
	require.EqualValues(t, s.Arrived, int(s.Delivered)+int(s.Queued)+int(s.DroppedOverflow))
}

// What came before the stop can be taken after it, also where it was not read yet.
func TestStoppingReadsWhatIsLeased(t *testing.T) {
	l := newLeasing(t)
	fd, ok := l.AcquireLease(false)
	require.True(t, ok)
	for i := range 20 {
		require.NoError(t, l.publisher.Publish("t", "", fmt.Appendf(nil, `"%02000d"`, i)))
	}
	require.NoError(t, l.publisher.Stop(testkit.Soon))
	poll(t, fd)
	testkit.Repeat(t, "all is in the kernel, for as much as it takes", func() bool {
		n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
		require.NoError(t, err)
		return n > 20*2000
	})
	require.NoError(t, l.receiver.Stop(testkit.Soon))
	var d recvqueue.Taken
	defer d.Release()
	require.Equal(t, recvqueue.Took, l.TakeInto(&d, 100))
	require.Equal(t, 20, d.Len())
}

// slowLeaser leases while something else happens.
type slowLeaser struct {
	carrier.Inlet
	meanwhile func()
	ended     atomic.Bool
}

func (s *slowLeaser) LeaseReader() (fd int, ok bool) {
	done := make(chan struct{})
	go func() { s.meanwhile(); close(done) }()
	select {
	case <-done: // it has not seen this lease
	case <-time.After(50 * time.Millisecond): // or waits for it
	}
	return 1 << 20, true
}

func (s *slowLeaser) ReadLeased() bool { return false }
func (s *slowLeaser) EndLease()        { s.ended.Store(true) }

// TestEndEndsALeaseThatIsBeingAcquired: its descriptor may be another one's next.
func TestEndEndsALeaseThatIsBeingAcquired(t *testing.T) {
	var lease embed.Lease
	s := &slowLeaser{meanwhile: func() { lease.End() }}
	_, ok := lease.Acquire(false, s, func() bool { return true })
	require.True(t, ok)
	testkit.Repeat(t, "the lease has ended", s.ended.Load)
}
