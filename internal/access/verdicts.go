package access

import (
	"hash/maphash"
	"sync/atomic"
)

// Verdicts are what has been found out about topics, or about streams (topic and origin), of the
// peers of one socket. The table holds hashes, and neither topics nor peers:
//
//	bits     meaning
//	63 to 1  hash of the text and of the salt of the peer's rights; 0 in all bits is an empty place
//	0        1: allowed
//
// Two texts whose hashes are equal would share a verdict. The hash has a secret seed, drawn for
// each table, so nothing but chance makes that happen: for each lookup the chance is below 2^-61. A
// place has one of two neighbours, and the newer one replaces the older. The table grows with what
// is looked up, up to maxPlaces (8 MiB). All methods may run at the same time, without a lock.
type Verdicts struct {
	seed  maphash.Seed
	table atomic.Pointer[[]atomic.Uint64]
	added atomic.Int64 // places that were filled since the table has its size
}

const (
	minPlaces = 1 << 10
	maxPlaces = 1 << 20
)

// NewVerdicts makes an empty table.
func NewVerdicts() *Verdicts {
	v := &Verdicts{seed: maphash.MakeSeed()}
	table := make([]atomic.Uint64, minPlaces)
	v.table.Store(&table)
	return v
}

// hash is that of a text for a peer.
func (v *Verdicts) hash(r *Rights, text []byte) uint64 {
	h := maphash.Bytes(v.seed, text) ^ r.salt
	// The salt is mixed in, so that it changes where a text is looked for as well.
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	return h | 2 // never that of an empty place
}

// find looks up a hash.
func (v *Verdicts) find(hash uint64) (allowed, known bool) {
	table := *v.table.Load()
	at := int(hash>>32) & (len(table) - 1)
	for _, i := range [2]int{at, at ^ 1} {
		if e := table[i].Load(); e>>1 == hash>>1 {
			return e&1 == 1, true
		}
	}
	return false, false
}

// add notes a verdict.
func (v *Verdicts) add(hash uint64, allowed bool) {
	e := hash &^ 1
	if allowed {
		e |= 1
	}
	table := *v.table.Load()
	at := int(hash>>32) & (len(table) - 1)
	if old := table[at].Load(); old != 0 {
		table[at^1].Store(old)
	}
	table[at].Store(e)
	if v.added.Add(1) > int64(len(table)/2) && len(table) < maxPlaces {
		larger := make([]atomic.Uint64, 4*len(table)) // what was known is looked up again
		v.table.Store(&larger)
		v.added.Store(0)
	}
}

// MayPublish reports whether a peer may publish messages that begin with these two frames. stream
// is both, headers included.
func (v *Verdicts) MayPublish(r *Rights, stream, topic, origin []byte) bool {
	return r.User.QuicklyPublishes(topic, origin) ||
		v.look(r, stream, func() bool { return r.User.PublishFrames(topic, origin).Allowed })
}

// MayReceive reports whether a peer may receive messages of a topic, the first frame.
func (v *Verdicts) MayReceive(r *Rights, topic []byte) bool {
	return r.User.QuicklyReceives(topic) ||
		v.look(r, topic, func() bool { return r.User.SubscribeFrame(topic).Allowed })
}

func (v *Verdicts) look(r *Rights, text []byte, decide func() bool) bool {
	hash := v.hash(r, text)
	allowed, known := v.find(hash)
	if !known {
		allowed = decide()
		v.add(hash, allowed)
	}
	return allowed
}
