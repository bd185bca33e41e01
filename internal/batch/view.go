package batch

import "sync"

// views has views that are no longer used.
var views = sync.Pool{New: func() any { return &Batch{Ends: make([]int, 0, 512)} }}

// View returns a batch with one owner, the caller, of bytes of another one: its Buf, which is not copied
// and must not be written, and no messages yet. It takes over an ownership of the other, which its last
// Release gives back. held is what Held of the other is: its owner may be writing to it. See Own.
func View(of *Batch, bytes []byte, held int) *Batch {
	b := views.Get().(*Batch)
	b.of, b.held, b.Buf, b.pooled = of, held, bytes[:len(bytes):len(bytes)], true
	b.refs.Store(1)
	return b
}

// Own gives a view a copy of its bytes, which may be written; any other batch has its own. The caller is the
// only owner.
func (b *Batch) Own() {
	if b.of == nil {
		return
	}
	of := b.of
	b.of, b.Buf = nil, append(Arena(max(len(b.Buf), TargetBytes)), b.Buf...) // the pool has none that are smaller
	of.Release()
}

// Held is how many bytes of memory the batch keeps alive for its Buf: of a view, those of the batch that has
// them.
func (b *Batch) Held() int {
	if b.of != nil {
		return b.held
	}
	return cap(b.Buf)
}

// endView recycles a view without owners.
func (b *Batch) endView() {
	of := b.of
	b.of, b.Buf, b.Ends = nil, nil, b.Ends[:0]
	if cap(b.Ends) <= keepIndex {
		views.Put(b)
	}
	of.Release()
}
