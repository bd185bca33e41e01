package core

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// bell counts how often it was rung.
type bell struct{ rung atomic.Int64 }

func (b *bell) Wake() { b.rung.Add(1) }
func (b *bell) Rest() {}

// lendingReceiver is a receiver that somebody outside of Go waits for, and a publisher
// for it.
func lendingReceiver(t *testing.T, pairs ...string) (*Receiver, *Publisher, *bell) {
	t.Helper()
	po := newOffice(t, "zmtp")
	r, err := NewReceiver(get(t, po, "endpoint.out"), "rec")
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	set(t, r, append([]string{"engine", "zmtp", "on_slow", "ignore"}, pairs...)...)
	b := &bell{}
	r.SetWaker(b)
	require.NoError(t, r.Start())
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
	require.NoError(t, p.WaitReady(soon))
	return r, p, b
}

// poll waits until a descriptor is readable, as C does.
func poll(t *testing.T, fd int) {
	t.Helper()
	require.True(t, testkit.Readable(t, fd, soon))
}

func takeOne(t *testing.T, r *Receiver) string {
	t.Helper()
	d, err := r.Take(1, 0)
	require.NoError(t, err)
	defer d.Release()
	return string(d.Envelope(0).Data)
}

func TestABorrowerReadsWhatItTakes(t *testing.T) {
	r, p, _ := lendingReceiver(t)
	for i := range 10 {
		_, err := r.Take(1, 0)
		code(t, ETIMEOUT, err)
		fd, ok := r.Borrow(false)
		require.True(t, ok)
		require.NoError(t, p.Publish("t", "", fmt.Append(nil, i)))
		poll(t, fd)
		require.Equal(t, fmt.Sprint(i), takeOne(t, r))
		r.Return(true)
	}
}

// While its borrower is away nobody waits for the connection, but not for long.
func TestALoanEndsWhereItsBorrowerStaysAway(t *testing.T) {
	r, p, b := lendingReceiver(t)
	require.Eventually(t, func() bool {
		_, ok := r.Borrow(false)
		require.True(t, ok)
		r.Return(true)
		return r.loan.lent.Load() // unless this thread has slept meanwhile
	}, soon, time.Millisecond, "it may be back in no time")
	require.NoError(t, p.Publish("t", "", []byte(`1`)))
	require.Eventually(t, func() bool { return r.Stats().Arrived == 1 }, soon, time.Millisecond)
	require.False(t, r.loan.lent.Load())
	require.NotZero(t, b.rung.Load())
	require.Equal(t, "1", takeOne(t, r))
}

func TestOneBorrowsAtATime(t *testing.T) {
	r, p, b := lendingReceiver(t)
	_, ok := r.Borrow(false)
	require.True(t, ok)
	_, ok = r.Borrow(false)
	require.False(t, ok, "somebody else waits already")
	_, ok = r.Borrow(true)
	require.True(t, ok, "the one who waits may go on")
	_, ok = r.Borrow(false)
	require.False(t, ok)
	rung := b.rung.Load()
	r.Return(true) // and somebody else was refused, so nobody is to come back first
	require.False(t, r.loan.lent.Load())
	require.NoError(t, p.Publish("t", "", []byte(`1`)))
	require.Eventually(t, func() bool { return b.rung.Load() > rung }, soon, time.Millisecond)
	require.Equal(t, "1", takeOne(t, r))
}

func TestWhoDoesNotLend(t *testing.T) {
	borrow := func(r *Receiver) bool { _, ok := r.Borrow(false); return ok }
	t.Run("a full queue holds back who reads", func(t *testing.T) {
		r, _, _ := lendingReceiver(t, "queue.full", "block")
		require.False(t, borrow(r))
	})
	t.Run("the descriptor must tell", func(t *testing.T) {
		r, p, b := lendingReceiver(t)
		require.True(t, borrow(r))
		rung := b.rung.Load()
		fd, err := r.FD()
		require.NoError(t, err)
		require.Greater(t, b.rung.Load(), rung, "the borrower is told")
		_, ok := r.Borrow(true)
		require.False(t, ok)
		require.NoError(t, p.Publish("t", "", []byte(`1`)))
		poll(t, fd)
	})
	t.Run("what waits is soon too old", func(t *testing.T) {
		r, _, _ := lendingReceiver(t, "timeout", "20ms")
		require.True(t, borrow(r), "nobody minds how old it is")
		r.Return(true)
		set(t, r, "on_slow", "drop")
		require.False(t, borrow(r))
		require.False(t, r.loan.lent.Load())
		set(t, r, "timeout", "1s")
		require.True(t, borrow(r))
	})
	t.Run("several paths", func(t *testing.T) {
		r, _, _ := lendingReceiver(t, "redundant", "on")
		require.False(t, borrow(r))
	})
	t.Run("one that is not connected, or has stopped", func(t *testing.T) {
		r, _, _ := lendingReceiver(t)
		require.NoError(t, r.Stop(time.Second))
		require.False(t, borrow(r))
	})
	t.Run("libzmq", func(t *testing.T) {
		r := newReceiver(t, "libzmq", "@tcp://127.0.0.1:*")
		r.SetWaker(&bell{})
		require.False(t, borrow(r))
	})
}

// A goroutine that waits is not woken by what a borrower could read.
func TestTakingInGoEndsALoan(t *testing.T) {
	r, p, _ := lendingReceiver(t)
	_, ok := r.Borrow(false)
	require.True(t, ok)
	require.NoError(t, p.Publish("t", "", []byte(`1`)))
	require.Equal(t, `1`, string(collect(t, r, 1)[0].Data))
	require.False(t, r.loan.lent.Load())
}

func TestTheEndOfAConnectionEndsALoan(t *testing.T) {
	r, p, b := lendingReceiver(t)
	require.NoError(t, p.Publish("t", "", []byte(`1`)))
	require.Equal(t, "1", string(collect(t, r, 1)[0].Data))
	_, ok := r.Borrow(false)
	require.True(t, ok)
	rung := b.rung.Load()
	require.NoError(t, r.Stop(time.Second))
	require.Greater(t, b.rung.Load(), rung)
	_, ok = r.Borrow(true)
	require.False(t, ok)
	r.Return(true)
	require.NoError(t, r.Start(), "and it may run again")
	require.Eventually(t, func() bool { _, ok := r.Borrow(false); return ok }, soon, time.Millisecond)
}

// Threads that borrow, take and stay away lose nothing and get nothing twice.
func TestBorrowersInTurn(t *testing.T) {
	r, p, b := lendingReceiver(t)
	const n = 30_000
	seen := make([]atomic.Int32, n)
	var count atomic.Int64
	take := func(most int) {
		d, err := r.Take(most, 0)
		if err != nil {
			return
		}
		defer d.Release()
		for i := range d.Len() {
			var number int
			_, _ = fmt.Sscan(string(d.Envelope(i).Data), &number)
			seen[number].Add(1)
			count.Add(1)
		}
	}
	var taking sync.WaitGroup
	for thread := range 3 {
		taking.Go(func() {
			for round := 0; count.Load() < n; round++ {
				rung := b.rung.Load()
				take(1 + round%50)
				fd, ok := r.Borrow(false)
				if !ok {
					time.Sleep(time.Millisecond)
					continue
				}
				for b.rung.Load() == rung {
					if testkit.Readable(t, fd, time.Millisecond) {
						break
					}
				}
				take(1000)
				r.Return(true)
				if round%10 == thread {
					time.Sleep(2 * awayMost)
				}
			}
		})
	}
	for i := range n {
		require.NoError(t, p.Publish("t", "", fmt.Append(nil, i)))
	}
	testkit.Wait(t, &taking, "all is taken")
	for i := range seen {
		require.EqualValues(t, 1, seen[i].Load(), "envelope %d", i)
	}
	s := r.Stats()
	require.Zero(t, s.Lost)
	require.EqualValues(t, n, s.Delivered)
}

// What came before the stop can be taken after it, also where nobody had read it yet.
func TestStoppingReadsWhatIsLent(t *testing.T) {
	r, p, _ := lendingReceiver(t)
	fd, ok := r.Borrow(false)
	require.True(t, ok)
	for i := range 20 {
		require.NoError(t, p.Publish("t", "", fmt.Appendf(nil, `"%02000d"`, i)))
	}
	require.NoError(t, p.Stop(soon))
	poll(t, fd)
	require.Eventually(t, func() bool { // all is in the kernel, for as much as it takes
		n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
		require.NoError(t, err)
		return n > 20*2000
	}, soon, time.Millisecond)
	require.NoError(t, r.Stop(soon))
	require.Len(t, collect(t, r, 20), 20)
}

// slowLender lends while something else happens.
type slowLender struct {
	carrier.Inlet
	meanwhile func()
	back      atomic.Bool
}

func (s *slowLender) LeaseReader() (fd int, ok bool) {
	done := make(chan struct{})
	go func() { s.meanwhile(); close(done) }()
	select {
	case <-done: // whoever ends loans has not seen this one
	case <-time.After(50 * time.Millisecond): // or waits for it
	}
	return 1 << 20, true
}

func (s *slowLender) ReadLeased() bool { return false }
func (s *slowLender) EndLease()        { s.back.Store(true) }

// What ends loans ends one that is only just being made as well: its descriptor may be
// somebody else's next.
func TestALoanThatIsMadeInTheLastMoment(t *testing.T) {
	for name, end := range map[string]func(*Receiver){
		"the peer leaves":      func(r *Receiver) { r.onEvent(carrier.Event{Kind: carrier.Disconnected}) },
		"somebody wants an fd": func(r *Receiver) { _, _ = r.FD() },
	} {
		t.Run(name, func(t *testing.T) {
			r, _, _ := lendingReceiver(t)
			s := &slowLender{Inlet: r.currentInlet(), meanwhile: func() { end(r) }}
			setInlet := func(in carrier.Inlet) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.inlet = in
			}
			setInlet(s)
			defer setInlet(s.Inlet)
			_, ok := r.Borrow(false)
			require.True(t, ok)
			require.Eventually(t, s.back.Load, soon, time.Millisecond)
		})
	}
}
