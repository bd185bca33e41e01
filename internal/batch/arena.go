package batch

import (
	"math/bits"
	"sync"
)

// Arenas for big messages are recycled by size, because fetching one from the kernel costs
// as much as filling it. They are in pools, which drop what is not used. There are four sizes
// for each power of two, so that at most a fifth of an arena is unused.
const (
	smallestBig = 17 // 128 KiB, as a power of two
	biggestBig  = 26 // 64 MiB
)

var bigArenas [4*(biggestBig-smallestBig) + 1]sync.Pool

// usualArenas has arenas of the usual size that Recycle has taken, as *[arenaBytes]byte: those that
// batches have given up for bigger ones, and buffers of idle connections. Without it each big
// message would cost a usual arena, and the garbage collections for those would empty bigArenas.
var usualArenas sync.Pool

// usualArena is an arena of the usual size that is used again; nil: there is none.
func usualArena() []byte {
	if a, ok := usualArenas.Get().(*[arenaBytes]byte); ok {
		return a[:0]
	}
	return nil
}

// sizeOf is the size of the arenas for size bytes, and their index in bigArenas; -1 for
// arenas that are not recycled there.
func sizeOf(size int) (rounded, class int) {
	if size <= arenaBytes || size > 1<<biggestBig {
		return size, -1
	}
	size = max(size, 1<<smallestBig)
	power := bits.Len(uint(size-1)) - 1 // the size is above this power, or the smallest
	step := 1 << (power - 2)
	rounded = (size + step - 1) &^ (step - 1)
	return rounded, 4*(power-smallestBig) + (rounded-1<<power)/step
}

// Arena returns an empty buffer with room for size bytes.
func Arena(size int) []byte {
	if TargetBytes <= size && size <= arenaBytes {
		if a := usualArena(); a != nil {
			return a
		}
		size = arenaBytes
	}
	rounded, class := sizeOf(size)
	if class >= 0 {
		if p, ok := bigArenas[class].Get().(*[]byte); ok {
			return (*p)[:0]
		}
	}
	return make([]byte, 0, rounded)
}

// Recycle takes back a buffer of Arena that is no longer used; others it ignores.
func Recycle(buf []byte) {
	if cap(buf) == arenaBytes {
		usualArenas.Put((*[arenaBytes]byte)(buf[:arenaBytes]))
		return
	}
	if rounded, class := sizeOf(cap(buf)); class >= 0 && rounded == cap(buf) {
		big := buf // so that only this one is allocated
		bigArenas[class].Put(&big)
	}
}
