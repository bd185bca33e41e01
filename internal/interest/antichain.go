package interest

import (
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/internal/trie"
)

// maxChanged bounds how many changes are kept one by one between two settles. Beyond it everything is
// compared.
const maxChanged = 200_000

// antichain is a counted set of byte strings, and those of them that no other of them begins (the tops).
// Adding and removing costs one step in a tree. What that means for the tops is found when settle is called, so
// that what comes and goes between two calls costs nothing more.
type antichain struct {
	all     trie.Set        // what was added and not removed
	tops    trie.Set        // the tops of all, as of the last settle; each counted once
	changed map[string]bool // what may have come or gone since, and whether it was there
	whole   bool            // changed would be too long: compare everything
}

// add counts a string once more; it reports whether there may be something to settle.
func (a *antichain) add(s []byte) bool {
	if !a.all.Add(s) {
		return false
	}
	a.note(s, false)
	return true
}

// remove undoes one add.
func (a *antichain) remove(s []byte) bool {
	if last, _ := a.all.Remove(s); !last {
		return false
	}
	a.note(s, true)
	return true
}

// note keeps that s has changed; was says whether it was there before.
func (a *antichain) note(s []byte, was bool) {
	if a.whole {
		return
	}
	if _, known := a.changed[string(s)]; known {
		return
	}
	if len(a.changed) >= maxChanged {
		a.whole, a.changed = true, nil
		return
	}
	if a.changed == nil {
		a.changed = map[string]bool{}
	}
	a.changed[string(s)] = was
}

// settle brings the tops up to date, and gives what has been added to them and removed.
//
// Changes are taken in the order of their bytes, so that one stands before all that it begins. If a string
// that begins another one is a top before and after, the other's change means nothing. Otherwise
// everything below the first of them is compared, once.
func (a *antichain) settle() (added, removed []string) {
	if a.whole {
		added, removed = a.compare(nil)
		a.whole = false
		return added, removed
	}
	order := make([]string, 0, len(a.changed))
	for s, was := range a.changed {
		if (a.all.Count([]byte(s)) > 0) != was {
			order = append(order, s)
		}
	}
	a.changed = nil
	slices.Sort(order)
	done, compared := "", false // everything that begins with done is right
	for _, s := range order {
		if compared && strings.HasPrefix(s, done) {
			continue
		}
		if n, ok := a.tops.Shortest([]byte(s)); ok && n < len(s) {
			continue
		}
		more, less := a.compare([]byte(s))
		added, removed = append(added, more...), append(removed, less...)
		done, compared = s, true
	}
	return added, removed
}

// compare brings the tops that begin with stem up to date.
func (a *antichain) compare(stem []byte) (added, removed []string) {
	a.tops.Under(stem, func(s []byte) {
		if n, ok := a.all.Shortest(s); !ok || n < len(s) {
			removed = append(removed, string(s))
		}
	})
	a.all.Tops(stem, func(s []byte) {
		if a.tops.Count(s) == 0 {
			added = append(added, string(s))
		}
	})
	for _, s := range removed {
		a.tops.Remove([]byte(s))
	}
	for _, s := range added {
		a.tops.Add([]byte(s))
	}
	return added, removed
}
