package core

// held is an envelope that came before its turn: a copy, as its item lies in buf.
type held struct {
	number uint32
	cached bool
	item   item
	buf    []byte
}

// heldHeap has the lowest number first. Numbers of a strand lie close together, and wrap
// around.
type heldHeap []held

func (h heldHeap) less(i, j int) bool { return int32(h[i].number-h[j].number) < 0 }

func (h *heldHeap) push(x held) {
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

func (h *heldHeap) pop() held {
	old := *h
	first, last := old[0], len(old)-1
	old[0], old[last] = old[last], held{}
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
