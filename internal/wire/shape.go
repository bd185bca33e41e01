package wire

import (
	"encoding/binary"
	"sync"
)

// Data that comes one after the other mostly differs in digits only. So of some JSON
// values that were found valid the shape is remembered: all that is not a digit, and
// where digits stand. What has the same shape is valid as well, and comparing is much
// quicker than walking over it.
//
// It holds for all that is valid, not for numbers alone: where one digit may stand
// another may, in a number, a string, or an escape. The one exception is a zero in
// front of a number, so the first of several digits must stay another one.

const (
	shapeLeast  = 16 // bytes of the shortest and the longest text whose shape is remembered
	shapeMost   = 128
	shapePlaces = 64 // a power of two

	// shapeStays is how many texts of other shapes may pass a place before it is
	// given to one of them: where no two are alike, remembering is in vain.
	shapeStays = 4
)

// shapes are the shapes seen last. Those that share a place displace each other.
type shapes [shapePlaces]shape

// shape has for each byte of a text what must be there and what may.
type shape struct {
	text  [shapeMost]byte // itself; of a digit the upper half
	free  [shapeMost]byte // of a digit 0x0f: the half that may be another
	least [shapeMost]byte // how much that is at least: 1, or 0
	size  int             // of the text; 0: none
	stays int
}

// valid is Valid, and remembers.
func (s *shapes) valid(data []byte) bool {
	if len(data) < shapeLeast || len(data) > shapeMost {
		return Valid(data)
	}
	h := &s[shapePlace(data)]
	if h.size == len(data) && h.fits(data) {
		h.stays = shapeStays
		return true
	}
	if !Valid(data) {
		return false
	}
	if h.stays--; h.stays < 0 {
		h.learn(data)
	}
	return true
}

// TemplateCache remembers for many goroutines. Who finds it in use walks over the text instead.
type TemplateCache struct {
	mu    sync.Mutex
	known shapes
}

// Valid is the function Valid, and remembers.
func (s *TemplateCache) Valid(data []byte) bool {
	if len(data) > shapeMost || !s.mu.TryLock() {
		return Valid(data)
	}
	defer s.mu.Unlock()
	return s.known.valid(data)
}

// shapePlace is where the shape of a text is remembered: by its size, and how it begins
// without regard to digits.
func shapePlace(data []byte) uint64 {
	begin := binary.LittleEndian.Uint64(data) | 0x0f*ones
	return (begin + uint64(len(data))) * 0x9e3779b97f4a7c15 >> 58
}

// learn remembers the shape of a text that is valid.
func (h *shape) learn(data []byte) {
	h.size, h.stays = len(data), shapeStays
	for i, c := range data {
		h.text[i], h.free[i], h.least[i] = c, 0, 0
		if !isDigit(c) {
			continue
		}
		h.text[i], h.free[i] = '0', 0x0f
		first := i == 0 || !isDigit(data[i-1]) && data[i-1] != '.'
		if first && c != '0' && i+1 < len(data) && isDigit(data[i+1]) {
			h.least[i] = 1
		}
	}
}

// fitsSlowly is fits, eight bytes at a time.
func (h *shape) fitsSlowly(data []byte) bool {
	var wrong uint64
	last := len(data) - 8
	for i := 0; ; i += 8 {
		i = min(i, last)
		v, free := load(data, i), load(h.free[:], i)
		wrong |= v&^free ^ load(h.text[:], i) // another text, or no digit by its upper half
		v &= free
		wrong |= (v + 0x76*ones) & highs                    // no digit by its lower half
		wrong |= ^(v | highs - load(h.least[:], i)) & highs // a zero in front
		if i == last {
			return wrong == 0
		}
	}
}

func isDigit(c byte) bool { return c-'0' <= 9 }
