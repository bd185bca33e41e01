package streamtable

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestATableKeepsTheNumberOfEachStream(t *testing.T) {
	var table Table
	h := NewHash()
	want := map[string]uint32{}
	for range 20_000 {
		name := fmt.Sprint(rand.IntN(5000))
		n := table.Find(h.Key([]byte(name)))
		if _, known := want[name]; !known {
			require.Nil(t, n)
			n = table.Add(h.Key([]byte(name)))
		}
		require.Equal(t, want[name], *n)
		want[name] = rand.Uint32()
		*n = want[name]
	}
	require.Equal(t, len(want), table.Len())
	for name, number := range want {
		require.Equal(t, number, *table.Find(h.Key([]byte(name))))
	}
	require.Nil(t, table.Find(h.Key([]byte("never added"))))
}

func TestAFullTableTakesWhatThePackageSays(t *testing.T) {
	require.EqualValues(t, 16, unsafe.Sizeof(entry{}))
	var table Table
	require.Zero(t, table.Bytes())
	const share = 16 // of the parts, for it takes long to fill all
	for range Most / share {
		table.Add(Key{home: rand.Uint64()/share | 1, check: rand.Uint32()})
	}
	require.LessOrEqual(t, table.Bytes(), 33<<20/share, "32 MiB, but for parts that happen to get more than their share")
}

func TestIncarnationsOfAStreamAreToldApart(t *testing.T) {
	h := NewHash()
	k := h.Key([]byte("stream"))
	var table Table
	for i := range 1 << 16 {
		of := k.Of(uint16(i))
		if of.home == 0 || table.Find(of) != nil {
			require.Fail(t, "not told apart", "%d", i)
		}
		*table.Add(of) = uint32(i)
	}
	require.Equal(t, k, k.Of(7).Of(0), "whichever it was before")
	for i := range 1 << 16 {
		if *table.Find(k.Of(99).Of(uint16(i))) != uint32(i) {
			require.Fail(t, "not told apart", "%d", i)
		}
	}
}

func TestStreamsWithTheSameHomeAreToldApart(t *testing.T) {
	var table Table
	for i := range uint32(100) {
		*table.Add(Key{home: 1, check: i}) = i
	}
	for i := range uint32(100) {
		require.Equal(t, i, *table.Find(Key{home: 1, check: i}))
	}
	require.Nil(t, table.Find(Key{home: 1, check: 100}))
}
