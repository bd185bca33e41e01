// Package streamtable keeps a number of 32 bits for each of up to 1.4 million streams. It is
// what a publisher numbers its envelopes with, and what a receiver finds gaps with.
//
// With many streams each look-up misses the caches of the processor, so a stream takes 16 bytes
// of one cache line, and a caller that knows the streams of a whole batch beforehand has their
// lines fetched side by side (Ahead):
//
//	offset  size  meaning
//	0       8     Key.home: says where the entry is, and is never 0; 0 is an empty entry
//	8       4     Key.check
//	12      4     the number
//
// A Key stands for a stream in place of its texts: 96 bits of two hashes with random seeds. In a
// full table the probability that any two streams have the same Key is below 10⁻¹⁶, and
// without the seeds no peer can choose such streams.
//
// The table is 256 parts, each of which doubles when it is three quarters full: the pause for
// that is the 256th part of what it would be for one. A part begins when its first stream comes.
//
// Nothing here is safe for concurrent use; the lock of the owner guards it.
package streamtable

import (
	"hash/maphash"
	"math/bits"
)

// Most is how many streams a Table has room for: then it takes 32 MiB.
const Most = 1_400_000

const (
	partBits  = 8 // the first bits of Key.home choose the part
	lineSize  = 4 // entries of a cache line; the search for a Key begins where a line begins
	firstSize = lineSize
)

// Key stands for one incarnation of a stream.
type Key struct {
	home        uint64
	check       uint32
	incarnation uint16 // is in home already
}

// Hash makes Keys, which only tables that are used with the same Hash understand.
type Hash struct{ home, check maphash.Seed }

// NewHash makes one.
func NewHash() Hash { return Hash{maphash.MakeSeed(), maphash.MakeSeed()} }

// Key is that of incarnation 0 of a stream.
func (h *Hash) Key(stream []byte) Key {
	return Key{home: maphash.Bytes(h.home, stream) | 1, check: uint32(maphash.Bytes(h.check, stream))}
}

// Of is the Key of another incarnation of the same stream. No two of them have one home.
func (k Key) Of(incarnation uint16) Key {
	k.home ^= spread(k.incarnation) ^ spread(incarnation)
	k.incarnation = incarnation
	return k
}

func spread(incarnation uint16) uint64 { return uint64(incarnation) << 1 * 0x9e3779b97f4a7c15 }

type entry struct {
	home          uint64
	check, number uint32
}

type part struct {
	entries []entry
	used    int
	shift   uint8
}

// Table maps Keys to numbers. The zero value is empty.
type Table struct {
	used  int
	parts [1 << partBits]part
}

// Len is the number of streams.
func (t *Table) Len() int { return t.used }

// Bytes is how much memory the entries take.
func (t *Table) Bytes() (n int) {
	const each = 16
	for i := range t.parts {
		n += each * len(t.parts[i].entries)
	}
	return n
}

func (t *Table) part(k Key) *part { return &t.parts[k.home>>(64-partBits)] }

// start is where the search for a Key begins.
func (p *part) start(k Key) uint64 {
	return k.home << partBits >> (p.shift & 63) &^ (lineSize - 1)
}

// find gives the entry of a Key, or the empty one in which it belongs. The part is not empty.
func (p *part) find(k Key) *entry {
	mask := uint64(len(p.entries) - 1)
	for i := p.start(k); ; i++ {
		e := &p.entries[i&mask]
		if e.home == k.home && e.check == k.check || e.home == 0 {
			return e
		}
	}
}

// Find gives the number of a stream, until the next Add; nil where there is none.
func (t *Table) Find(k Key) *uint32 {
	p := t.part(k)
	if p.used == 0 {
		return nil
	}
	if e := p.find(k); e.home != 0 {
		return &e.number
	}
	return nil
}

// Add adds a stream that is not in the table, with the number 0, which it gives until the next
// Add.
func (t *Table) Add(k Key) *uint32 {
	p := t.part(k)
	if 4*p.used >= 3*len(p.entries) {
		p.grow()
	}
	e := p.find(k)
	e.home, e.check = k.home, k.check
	p.used++
	t.used++
	return &e.number
}

func (p *part) grow() {
	old := p.entries
	size := max(2*len(old), firstSize)
	p.entries = make([]entry, size)
	p.shift = uint8(64 - bits.TrailingZeros(uint(size)))
	for _, e := range old {
		if e.home != 0 {
			*p.find(Key{home: e.home, check: e.check}) = e
		}
	}
}

// touch reads the cache line at which the search for a Key begins.
func (t *Table) touch(k Key) uint64 {
	p := t.part(k)
	if p.used == 0 {
		return 0
	}
	return p.entries[p.start(k)].home
}
