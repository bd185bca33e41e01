package handle

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

type object struct{ name string }

func TestHandlesCarryTheirKindAndAreNeverZeroOrReused(t *testing.T) {
	var r Registry[*object]
	seen := map[Handle]bool{}
	for range 1000 {
		for k := Publisher; k <= Node; k++ {
			h := r.Add(k, &object{})
			require.NotZero(t, h)
			require.False(t, seen[h])
			require.Equal(t, k, h.Kind())
			require.Less(t, uint64(h), uint64(1)<<53)
			seen[h] = true
			r.Close(h).Release()
		}
	}
	require.Zero(t, r.Len())
}

func TestTheHighestHandleFitsADouble(t *testing.T) {
	h := join(Node, maxGeneration, maxSlot)
	require.Less(t, uint64(h), uint64(1)<<53)
	require.Equal(t, uint64(h), uint64(float64(h)))
	require.Equal(t, Node, h.Kind())
}

func TestOpenHandlesOfAKindHaveSlotsOfTheirOwn(t *testing.T) {
	var r Registry[*object]
	open := map[uint64]Handle{}
	for i := range 3000 {
		h := r.Add(Publisher, &object{})
		other, taken := open[h.slot()]
		require.False(t, taken, "%s and %s", h, other)
		open[h.slot()] = h
		if i%3 == 0 {
			r.Close(h).Release()
			delete(open, h.slot())
		}
	}
	require.Equal(t, 2000, r.Len())
	require.LessOrEqual(t, len(r.tables[Publisher].all()), 2000+1, "closed handles leave their slots to others")
}

func TestASlotIsUsedNoMoreThanItsGenerationsAllow(t *testing.T) {
	var r Registry[*object]
	h := r.Add(Publisher, &object{})
	slot := h.slot()
	r.Close(h).Release()
	r.slotOf(h).issued.Store(maxGeneration - 1)
	last := r.Add(Publisher, &object{})
	require.Equal(t, join(Publisher, maxGeneration, slot), last)
	r.Close(last).Release()
	require.NotEqual(t, slot, r.Add(Publisher, &object{}).slot())
	require.True(t, r.Issued(last))
	require.Nil(t, r.Get(last))
}

func TestGetFindsTheObject(t *testing.T) {
	var r Registry[*object]
	a, b := &object{"a"}, &object{"b"}
	ha, hb := r.Add(Publisher, a), r.Add(Receiver, b)
	ea, eb := r.Get(ha), r.Get(hb)
	require.Same(t, a, ea.Object())
	require.Same(t, b, eb.Object())
	ea.Release()
	eb.Release()
	require.Equal(t, 2, r.Len())
}

func TestWhatWasNeverIssuedIsNotFound(t *testing.T) {
	var r Registry[*object]
	require.Nil(t, r.Get(0))
	require.Nil(t, r.Close(1))
	h := r.Add(Receiver, &object{})
	for _, wrong := range []Handle{0, 1, 42, h + 1, h + 1<<slotBits, join(Publisher, 0, 1), join(Kind(kinds), 0, 1), join(Receiver, 0, 0), 1 << 53, ^Handle(0)} {
		require.Nil(t, r.Get(wrong), wrong)
		require.Nil(t, r.Close(wrong), wrong)
		require.False(t, r.Issued(wrong), wrong)
	}
	require.True(t, r.Issued(h))
}

func TestUnknownKindsNameNothing(t *testing.T) {
	require.Zero(t, Handle(0).Kind())
	require.Zero(t, (^Handle(0)).Kind())
	require.Equal(t, "unknown object", (^Handle(0)).Kind().String())
	require.Equal(t, "post office", join(PostOffice, 0, 7).Kind().String())
}

func TestAClosedHandleNamesNothingButStaysIssued(t *testing.T) {
	var r Registry[*object]
	h := r.Add(Node, &object{})
	e := r.Close(h)
	require.NotNil(t, e)
	require.Nil(t, r.Get(h))
	require.Nil(t, r.Close(h), "only one caller closes")
	require.True(t, r.Issued(h))
	require.Empty(t, r.Objects(Node))
	e.Release()
	require.Zero(t, r.Len())
	require.True(t, r.Issued(h))
}

func TestAnObjectOutlivesItsHandleUntilTheLastCallReturns(t *testing.T) {
	var r Registry[*object]
	h := r.Add(Receiver, &object{"r"})
	call := r.Get(h)
	r.Close(h).Release()
	require.Equal(t, 1, r.Len())
	require.Equal(t, "r", call.Object().name)
	call.Release()
	require.Zero(t, r.Len())
}

func TestObjectsListsOneKind(t *testing.T) {
	var r Registry[*object]
	require.Empty(t, r.Objects(Publisher))
	p := &object{"p"}
	r.Add(Publisher, p)
	r.Add(Receiver, &object{"r"})
	require.Equal(t, []*object{p}, r.Objects(Publisher))
}

// Many goroutines use handles that others close: each handle is closed by exactly
// one of them, and nothing is left over.
func TestConcurrentUseAndClose(t *testing.T) {
	var (
		r      Registry[*object]
		closed atomic.Int64
		all    sync.WaitGroup
	)
	const handles, workers = 500, 8
	issued := make([]Handle, handles)
	for i := range issued {
		issued[i] = r.Add(Publisher, &object{"p"})
	}
	for range workers {
		all.Go(func() {
			for _, h := range issued {
				if e := r.Get(h); e != nil {
					if e.Object().name != "p" {
						t.Error("wrong object")
					}
					e.Release()
				}
				if e := r.Close(h); e != nil {
					closed.Add(1)
					e.Release()
				}
				r.Close(r.Add(Receiver, &object{})).Release()
			}
		})
	}
	all.Wait()
	require.EqualValues(t, handles, closed.Load())
	require.Zero(t, r.Len())
}

func TestHandlesPrintInHex(t *testing.T) {
	require.Equal(t, "0x1000000000001", join(Publisher, 0, 1).String())
}

func BenchmarkGet(b *testing.B) {
	var r Registry[*object]
	h := r.Add(Publisher, &object{})
	for range 100 {
		r.Add(Receiver, &object{})
	}
	for b.Loop() {
		r.Get(h).Release()
	}
}
