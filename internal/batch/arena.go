package batch

import (
	"math/bits"
	"sync"
)

// Arenas for big messages are used again as well, by size: one is as costly to fetch from
// the kernel as to fill. They are kept in pools, which forget what is not used. There are
// four sizes to each power of two, so that at most a fifth of an arena is in vain.
const (
	smallestBig = 17 // 128 KiB, as a power of two
	biggestBig  = 26 // 64 MiB
)

var bigArenas [4*(biggestBig-smallestBig) + 1]sync.Pool

// sizeOf is the size of the arenas for size bytes, and which of the big ones they are; -1
// where they are none.
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

// Arena gives an empty buffer with room for size bytes.
func Arena(size int) []byte {
	rounded, class := sizeOf(size)
	if class >= 0 {
		if p, ok := bigArenas[class].Get().(*[]byte); ok {
			return (*p)[:0]
		}
	}
	return make([]byte, 0, rounded)
}

// Recycle takes back a buffer that nobody looks at any more, if it is one of Arena's.
func Recycle(buf []byte) {
	if rounded, class := sizeOf(cap(buf)); class >= 0 && rounded == cap(buf) {
		bigArenas[class].Put(&buf)
	}
}
