package wire

import (
	"encoding/binary"
	"sync"
)

// Data that is published repeatedly mostly differs in digits only. So of some JSON texts
// that were valid a template is kept: every byte that is not a digit, and where the
// digits are. A text that matches a template is valid, and matching is much quicker than
// validating.
//
// Why that is right: wherever a digit may be in a valid JSON text, in a number, a string
// or an escape, any other digit may be, with one exception: a number of several digits
// must not begin with a zero. So the first of several digits must stay above zero.
//
// capi matches templates in C in the same way, for what is published there.

const (
	minTemplate   = 16 // bytes of the shortest and the longest text that has a template
	maxTemplate   = 128
	templateSlots = 64 // a power of two

	// templateMisses is how many texts that do not match may pass a slot before it is
	// given to one of them: where no two texts are alike, learning is wasted.
	templateMisses = 4
)

// templates are the templates used last, one a slot. It is for one goroutine at a time.
type templates [templateSlots]template

// template has for each byte of a text what must be there and what may. The assembler
// code relies on the order and the size of the first three fields.
type template struct {
	text   [maxTemplate]byte // the byte; of a digit the upper half
	free   [maxTemplate]byte // the bits that may differ: 0x0f of a digit
	least  [maxTemplate]byte // the least value of those bits: 1 or 0
	size   int               // of the text, in bytes; 0 is an unused slot
	misses int               // texts that may still pass
}

// valid is Valid, with templates.
func (s *templates) valid(data []byte) bool {
	if len(data) < minTemplate || len(data) > maxTemplate {
		return Valid(data)
	}
	t := &s[templateSlot(data)]
	if t.size == len(data) && t.matches(data) {
		t.misses = templateMisses
		return true
	}
	if !Valid(data) {
		return false
	}
	if t.misses--; t.misses < 0 {
		t.learn(data)
	}
	return true
}

// TemplateCache validates JSON with templates. It is safe for concurrent use; a goroutine
// that finds it in use validates without templates.
type TemplateCache struct {
	mu        sync.Mutex // only ever tried
	templates templates
}

// Valid is the function Valid, with templates.
func (s *TemplateCache) Valid(data []byte) bool {
	if len(data) > maxTemplate || !s.mu.TryLock() {
		return Valid(data)
	}
	defer s.mu.Unlock()
	return s.templates.valid(data)
}

// templateSlot is the slot of a text: a hash of its size and of its first eight bytes,
// without regard to digits.
func templateSlot(data []byte) uint64 {
	begin := binary.LittleEndian.Uint64(data) | 0x0f*ones
	return (begin + uint64(len(data))) * 0x9e3779b97f4a7c15 >> 58
}

// learn makes t the template of a text that is valid.
func (t *template) learn(data []byte) {
	t.size, t.misses = len(data), templateMisses
	for i, c := range data {
		t.text[i], t.free[i], t.least[i] = c, 0, 0
		if !isDigit(c) {
			continue
		}
		t.text[i], t.free[i] = '0', 0x0f
		first := i == 0 || !isDigit(data[i-1]) && data[i-1] != '.'
		if first && c != '0' && i+1 < len(data) && isDigit(data[i+1]) {
			t.least[i] = 1
		}
	}
}

// matchesByWords is matches, eight bytes at a time. See swar.go for the arithmetic.
func (t *template) matchesByWords(data []byte) bool {
	var wrong uint64
	last := len(data) - 8
	for i := 0; ; i += 8 {
		i = min(i, last)
		v, free := load(data, i), load(t.free[:], i)
		wrong |= v&^free ^ load(t.text[:], i) // another byte, or no digit by its upper half
		v &= free
		wrong |= (v + 0x76*ones) & highs                    // no digit by its lower half
		wrong |= ^(v | highs - load(t.least[:], i)) & highs // a leading zero
		if i == last {
			return wrong == 0
		}
	}
}

func isDigit(c byte) bool { return c-'0' <= 9 }
