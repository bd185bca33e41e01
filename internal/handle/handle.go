// Package handle is the registry behind the C interface: it gives every object a number
// that C can hold, and finds the object again by that number.
//
// A handle is below 2^53, so that every language can keep it in a double:
//
//	bits    meaning
//	48..52  kind of the object, from 1 on
//	24..47  generation: how many handles the slot has had before
//	0..23   slot, from 1 on: an index into the table of the kind
//
// No handle is issued twice: a slot whose generations are used up is not used again. A
// closed handle therefore names nothing, and never an object that was made later.
//
// Open handles of one kind have different slots. Other tables, such as that of the
// staging buffers in C (capi/fast), use the slot as their index and need no search.
//
// Locks: each table has a mutex, which Add and the last Release take; no other lock is
// taken while it is held. Get takes none.
package handle

import "fmt"

// Handle names an object. Zero names none.
type Handle uint64

const (
	slotBits       = 24
	generationBits = 24
	kindShift      = slotBits + generationBits

	maxSlot       = 1<<slotBits - 1
	maxGeneration = 1<<generationBits - 1
)

func join(k Kind, generation, slot uint64) Handle {
	return Handle(uint64(k)<<kindShift | generation<<slotBits | slot)
}

// Kind is what the handle claims to name; it may be no valid Kind.
func (h Handle) Kind() Kind {
	if h>>kindShift >= Handle(kinds) {
		return 0
	}
	return Kind(h >> kindShift)
}

func (h Handle) generation() uint64 { return uint64(h) >> slotBits & maxGeneration }
func (h Handle) slot() uint64       { return uint64(h) & maxSlot }

// String writes the handle as the error texts do.
func (h Handle) String() string { return fmt.Sprintf("%#x", uint64(h)) }
