// Package lru keeps a bounded table of values by key and forgets what was not used lately.
//
// It approximates "least recently used" with two generations, which costs one map look-up
// for a key in use and no list: a key that is looked up moves to the young generation.
// When the young generation is full it becomes the old one, and the old one, with every key
// that was not looked up meanwhile, is dropped. So at most twice the limits are in use.
//
// A Table is not safe for concurrent use; the lock of its owner guards it.
package lru

// Table maps keys to values. MaxKeys and MaxBytes bound one generation: the number of its
// keys and the bytes of all of them together. Set both before the first use.
type Table[V any] struct {
	MaxKeys, MaxBytes int

	young, old map[string]*V
	bytes      int // of all keys of young
}

// Find gives the value of a key, and adds a zero one where there is none. turned reports
// that this has begun a new generation, which may have dropped other keys.
func (t *Table[V]) Find(key []byte) (v *V, known, turned bool) {
	if v, known = t.young[string(key)]; known {
		return v, true, false
	}
	if v, known = t.old[string(key)]; !known {
		v = new(V)
	}
	if t.young == nil || len(t.young) >= t.MaxKeys || t.bytes+len(key) > t.MaxBytes {
		t.old, t.young, t.bytes = t.young, map[string]*V{}, 0
		turned = true
	}
	t.young[string(key)] = v
	t.bytes += len(key)
	return v, known, turned
}

// Keep puts a key into the young generation, beyond its limits where it has to be: for a
// value that must not be forgotten yet.
func (t *Table[V]) Keep(key string, v *V) {
	if t.young == nil {
		t.young = map[string]*V{}
	}
	if _, known := t.young[key]; !known {
		t.young[key] = v
		t.bytes += len(key)
	}
}

// Reset forgets everything.
func (t *Table[V]) Reset() { t.young, t.old, t.bytes = nil, nil, 0 }

// Len is the number of keys in both generations; a key may be in both.
func (t *Table[V]) Len() int { return len(t.young) + len(t.old) }

// Bytes is how long the keys of the young generation are together.
func (t *Table[V]) Bytes() int { return t.bytes }
