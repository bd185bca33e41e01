package streamtable

// Ahead has the Keys of a batch ready before they are needed, and the lines of the table fetched
// side by side instead of one after the other. It is worth it where a batch is of many streams.
// Where it is of few, the caller remembers the Keys of those; Ahead tells which of both is the
// case.
type Ahead struct {
	keys   []Key
	missed int // Keys of the batch that the caller did not remember
	left   int // batches until the caller is to try again what it remembers
	unused uint64
}

const (
	// tryAgain is how many batches of many streams pass until the caller tries once whether there
	// are still many.
	tryAgain = 31
	// fewest is the size of the smallest batch that is worth it.
	fewest = 8
)

// Begin begins a batch of n messages, and reports whether its Keys are to be added.
func (a *Ahead) Begin(n int) bool {
	a.keys = a.keys[:0]
	a.missed = 0
	if a.left > 0 && n >= fewest {
		a.left--
		return true
	}
	return false
}

// Add adds the Key of the next message.
func (a *Ahead) Add(k Key) { a.keys = append(a.keys, k) }

// Key gives that of message i; false: it was not added.
func (a *Ahead) Key(i int) (Key, bool) {
	if i < len(a.keys) {
		return a.keys[i], true
	}
	return Key{}, false
}

// Fetch has the lines of all Keys fetched. A load that depends on no other does not wait for it.
func (a *Ahead) Fetch(t *Table) {
	sum := uint64(0)
	for i := range a.keys {
		sum += t.touch(a.keys[i])
	}
	a.unused = sum // or the loop would have no effect, and be left out
}

// Missed notes that the caller did not remember the Key of a message.
func (a *Ahead) Missed() { a.missed++ }

// End ends a batch of n messages.
func (a *Ahead) End(n int) {
	if len(a.keys) == 0 && n >= fewest && a.missed > n/2 {
		a.left = tryAgain
	}
}
