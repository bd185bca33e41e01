// Package handle is the registry behind the C interface: it gives every object a
// number that C can hold, and finds the object again by that number.
//
// A handle is a kind and a count, below 2^53 so that every language can keep it in
// a double. Counts are never used twice, hence a stale handle names nothing rather
// than somebody else's object.
package handle

import "fmt"

// Handle names an object. Zero names none.
type Handle uint64

// countBits leaves 5 bits for the kind below the 53 that a double holds exactly.
const countBits = 48

const maxCount = 1<<countBits - 1

func join(k Kind, count uint64) Handle { return Handle(uint64(k)<<countBits | count) }

// Kind is what the handle claims to name; it may be no valid Kind.
func (h Handle) Kind() Kind {
	if h>>countBits >= Handle(kinds) {
		return 0
	}
	return Kind(h >> countBits)
}

func (h Handle) count() uint64 { return uint64(h) & maxCount }

// String writes the handle as the error texts do.
func (h Handle) String() string { return fmt.Sprintf("%#x", uint64(h)) }
