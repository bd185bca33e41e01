// Package batch has the unit in which hermes moves messages: a run of complete messages in
// ZMTP framing, in one byte arena, with an index of where each message ends. It hides how
// memory is used again.
//
// The publisher's encoder writes a batch, a carrier writes it to sockets unchanged, the post
// office forwards ranges of it, and the receiver returns views of it.
//
//	Buf   | message 0 | message 1 | message 2 |
//	Ends              ^           ^           ^   offset behind each message
//
// A message is one or more frames; see frame.go. Ownership: a batch from Get has one owner;
// Retain adds one and Release removes one, and the last Release recycles the memory. A batch
// that more than one owner reads must not be written. There are no locks: owners are counted
// atomically, and only a sole owner writes.
package batch

import (
	"sync"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/invariants"
)

const (
	// TargetBytes is the size at which a writer should close a batch and begin
	// another: big enough that the cost of passing it on does not count, small enough
	// to stay in a processor's cache.
	TargetBytes = 64 << 10
	// TargetMessages closes a batch of very small messages.
	TargetMessages = 2048

	// arenaBytes is the usual size of an arena.
	arenaBytes = TargetBytes + TargetBytes/4
	// keepBytes and keepIndex bound what is recycled as it is, so that one huge message
	// does not keep its memory for ever.
	keepBytes = 4 * TargetBytes
	keepIndex = 4 * TargetMessages
)

// Batch is a run of complete messages. The zero value is empty and ready to use; Get
// returns a recycled one.
type Batch struct {
	// Buf is the framed messages back to back.
	Buf []byte
	// Ends has, for each message, the offset in Buf just behind it.
	Ends []int

	refs   atomic.Int32
	pooled bool   // came from Get or View, and may go back
	of     *Batch // has the memory of a view; nil: this batch does
	held   int    // of a view: how many bytes that is
}

// Batches without an owner. A few are never freed: every garbage collection empties a
// pool, and fresh memory has to be fetched from the kernel page by page.
var (
	spare = make(chan *Batch, 64)
	pool  = sync.Pool{New: func() any {
		return &Batch{Buf: make([]byte, 0, arenaBytes), Ends: make([]int, 0, 512)}
	}}
)

// Get returns an empty batch with one owner, the caller, which must Release it.
func Get() *Batch {
	var b *Batch
	select {
	case b = <-spare:
	default:
		b = pool.Get().(*Batch)
	}
	b.pooled = true
	b.refs.Store(1)
	return b
}

// Retain adds an owner.
func (b *Batch) Retain() { b.refs.Add(1) }

// Release removes an owner. The last one returns the memory to the pool, after which no
// view of it may be used. A batch that never came from Get may be released as well; it is
// left to the garbage collector.
func (b *Batch) Release() {
	refs := b.refs.Add(-1)
	if invariants.Enabled {
		invariants.Check(refs >= 0 || !b.pooled, "a batch is released %d times too often", -refs)
	}
	if refs != 0 || !b.pooled {
		return
	}
	if b.of != nil {
		b.endView()
		return
	}
	if cap(b.Buf) > keepBytes {
		Recycle(b.Buf)
		b.Buf = usualArena()
	}
	if b.Buf == nil || cap(b.Ends) > keepIndex {
		return
	}
	b.Reset()
	select {
	case spare <- b:
	default:
		pool.Put(b)
	}
}

// Grow makes room for at least n more bytes.
func (b *Batch) Grow(n int) {
	if need := len(b.Buf) + n; need > cap(b.Buf) {
		b.Replace(append(Arena(max(need, cap(b.Buf)+cap(b.Buf)/4)), b.Buf...))
	}
}

// Replace gives the batch another arena with the same content.
func (b *Batch) Replace(buf []byte) {
	Recycle(b.Buf)
	b.Buf = buf
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Buf = b.Buf[:0]
	b.Ends = b.Ends[:0]
}

// Len is the number of messages.
func (b *Batch) Len() int { return len(b.Ends) }

// Size is the number of bytes, framing included.
func (b *Batch) Size() int { return len(b.Buf) }

// Full reports whether a writer should begin another batch.
func (b *Batch) Full() bool {
	return len(b.Buf) >= TargetBytes || len(b.Ends) >= TargetMessages
}

// Start is the offset at which message i begins.
func (b *Batch) Start(i int) int {
	if i == 0 {
		return 0
	}
	return b.Ends[i-1]
}

// Message is the framed bytes of message i: a view, valid while the batch is.
func (b *Batch) Message(i int) []byte { return b.Buf[b.Start(i):b.Ends[i]:b.Ends[i]] }

// AppendFrame adds one frame to the message under construction.
func (b *Batch) AppendFrame(body []byte, more bool) {
	b.Grow(len(body) + longHeader)
	b.Buf = append(AppendHeader(b.Buf, len(body), more), body...)
	if !more {
		b.EndMessage()
	}
}

// EndMessage closes the message under construction: everything behind the last one.
func (b *Batch) EndMessage() { b.Ends = append(b.Ends, len(b.Buf)) }

// AppendMessage adds a copy of one framed message.
func (b *Batch) AppendMessage(msg []byte) {
	b.Grow(len(msg))
	b.Buf = append(b.Buf, msg...)
	b.EndMessage()
}

// AppendMessages adds copies of framed messages, of which each ends at one of ends.
func (b *Batch) AppendMessages(messages []byte, ends []uint32) {
	b.Grow(len(messages))
	at := len(b.Buf)
	b.Buf = append(b.Buf, messages...)
	for _, end := range ends {
		b.Ends = append(b.Ends, at+int(end))
	}
}

// Abandon discards the message under construction.
func (b *Batch) Abandon() {
	if n := len(b.Ends); n > 0 {
		b.Buf = b.Buf[:b.Ends[n-1]]
	} else {
		b.Buf = b.Buf[:0]
	}
}

// Skip removes the first n messages. The caller is the only owner.
func (b *Batch) Skip(n int) {
	if n == 0 {
		return
	}
	off := b.Ends[n-1]
	b.Buf = b.Buf[:copy(b.Buf, b.Buf[off:])]
	b.Ends = b.Ends[:copy(b.Ends, b.Ends[n:])]
	for i := range b.Ends {
		b.Ends[i] -= off
	}
}

// Footprint is how much memory the batch keeps alive.
func (b *Batch) Footprint() int64 { return int64(b.Held()) + 8*int64(cap(b.Ends)) }
