package dedup

// Copy is one copy of an envelope: its number, whether it comes out of a cache, how many
// bytes it counts for, and what the caller keeps with it.
type Copy[T any] struct {
	Number uint32
	Cached bool
	Size   int64
	Value  T
}

// reorderBuffer is a heap with the lowest number first. The numbers of one stream lie close
// together, and wrap around.
type reorderBuffer[T any] []Copy[T]

func (h reorderBuffer[T]) less(i, j int) bool { return int32(h[i].Number-h[j].Number) < 0 }

func (h *reorderBuffer[T]) push(x Copy[T]) {
	*h = append(*h, x)
	for i := len(*h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(i, up) {
			return
		}
		(*h)[i], (*h)[up] = (*h)[up], (*h)[i]
		i = up
	}
}

func (h *reorderBuffer[T]) pop() Copy[T] {
	old := *h
	first, last := old[0], len(old)-1
	old[0], old[last] = old[last], Copy[T]{}
	*h = old[:last]
	for i := 0; ; {
		least := i
		for _, down := range [...]int{2*i + 1, 2*i + 2} {
			if down < last && h.less(down, least) {
				least = down
			}
		}
		if least == i {
			break
		}
		(*h)[i], (*h)[least] = (*h)[least], (*h)[i]
		i = least
	}
	if last == 0 {
		*h = nil
	}
	return first
}
