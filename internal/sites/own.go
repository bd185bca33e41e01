package sites

import (
	"encoding/binary"
	"slices"
)

// own is this site: what the others are told. Guarded by Sites.mu.
type own struct {
	run             uint64
	name            string
	offices         []string // that its messages may come from, its own first
	durable         []string // the prefixes of its durable topics, as many as others are told
	info            uint64   // counts the changes of offices; from 1
	set             map[string]struct{}
	version, digest uint64
	chunks          [][]byte // the snapshot of version; nil: not made yet
}

// hash is FNV-1a of a prefix. It finds faults of the protocol, and withstands no forger.
func hash(prefix string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(prefix) {
		h = (h ^ uint64(prefix[i])) * 1099511628211
	}
	return h
}

// change changes what this site wants, and gives the deltas that tell of it.
func (o *own) change(add, remove []string) (deltas [][]byte) {
	var added, removed []string
	for _, p := range add {
		if _, known := o.set[p]; !known && len(p) <= MaxPrefix {
			o.set[p] = struct{}{}
			o.digest += hash(p)
			added = append(added, p)
		}
	}
	for _, p := range remove {
		if _, known := o.set[p]; known {
			delete(o.set, p)
			o.digest -= hash(p)
			removed = append(removed, p)
		}
	}
	for len(added)+len(removed) > 0 {
		o.version++
		o.chunks = nil
		d := appendUint64s(begin(delta, o.run), o.version)
		n := fitting(added, len(d))
		d = appendList(d, added[:n])
		m := fitting(removed, len(d))
		d = appendList(d, removed[:m])
		deltas = append(deltas, d)
		added, removed = added[n:], removed[m:]
	}
	return deltas
}

// snapshot is what this site wants, as chunks. They are sorted, so that each is the same whenever it is made.
func (o *own) snapshot() [][]byte {
	if o.chunks != nil {
		return o.chunks
	}
	all := make([]string, 0, len(o.set))
	for p := range o.set {
		all = append(all, p)
	}
	slices.Sort(all)
	for len(all) > 0 || len(o.chunks) == 0 {
		c := appendUint64s(begin(snapshot, o.run), o.version)
		c = append(c, 0, 0, 0, 0, 0, 0, 0, 0)
		n := fitting(all, len(c))
		o.chunks = append(o.chunks, appendList(c, all[:n]))
		all = all[n:]
	}
	for i, c := range o.chunks {
		binary.BigEndian.PutUint32(c[headerSize+8:], uint32(i))
		binary.BigEndian.PutUint32(c[headerSize+12:], uint32(len(o.chunks)))
	}
	return o.chunks
}

func (o *own) hello(flags byte) []byte {
	m := appendUint64s(begin(hello, o.run), o.info, o.version, o.digest)
	return appendList(appendList(appendString(append(m, flags), o.name), o.offices), o.durable)
}

func (o *own) beat() []byte {
	return appendUint64s(begin(beat, o.run), o.info, o.version, o.digest)
}
