// Package batch holds the one currency of hermes: a run of whole messages in
// ZMTP framing, in one byte arena, with an index of where each message ends.
//
// The publisher's encoder writes it, a carrier puts it on the socket as it
// stands, the post office forwards ranges of it, and the receiver hands out
// views of it. A frame is a flags byte, its size (one byte, or eight in network
// order when the long flag is set) and its body: ZMTP 3.0 and 3.1,
// https://rfc.zeromq.org/spec/23/ and https://rfc.zeromq.org/spec/37/.
package batch

import (
	"sync"
	"sync/atomic"
)

const (
	// TargetBytes is the size at which a writer should close a batch and begin
	// another: big enough that the cost of a hand-over vanishes, small enough
	// to stay in a processor's cache.
	TargetBytes = 64 << 10
	// TargetMessages closes a batch of very small messages.
	TargetMessages = 2048

	// arenaBytes is the usual size of an arena.
	arenaBytes = TargetBytes + TargetBytes/4
	// keepBytes and keepIndex bound what is used again as it is, so that one huge
	// message does not pin its memory for ever.
	keepBytes = 4 * TargetBytes
	keepIndex = 4 * TargetMessages
)

// Batch is a run of whole messages. The zero value is empty and ready to use;
// Get hands out a pooled one. A batch that more than one owner reads must not be
// written any more; Retain and Release count the owners.
type Batch struct {
	// Buf holds the framed messages back to back.
	Buf []byte
	// Ends holds, for each message, the offset in Buf just behind it.
	Ends []int

	refs   atomic.Int32
	pooled bool // came from Get, and may go back
}

// Batches that nobody owns: a few are kept for good, for a pool is emptied by every
// collection, and what comes in its place has to be fetched from the kernel page by page.
var (
	spare = make(chan *Batch, 64)
	pool  = sync.Pool{New: func() any {
		return &Batch{Buf: make([]byte, 0, arenaBytes), Ends: make([]int, 0, 512)}
	}}
)

// Get returns an empty batch that the caller owns, and must Release.
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

// Release gives up one ownership. The last one hands the arena back to the pool,
// after which nobody may look at it. A batch that never came from Get may be
// released as well; it is then left to the garbage collector.
func (b *Batch) Release() {
	if b.refs.Add(-1) != 0 || !b.pooled {
		return
	}
	if cap(b.Buf) > keepBytes || cap(b.Ends) > keepIndex {
		Recycle(b.Buf)
		b.Buf = nil
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

// Replace gives the batch another arena, with the same in it.
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

// Abandon forgets the message under construction.
func (b *Batch) Abandon() {
	if n := len(b.Ends); n > 0 {
		b.Buf = b.Buf[:b.Ends[n-1]]
	} else {
		b.Buf = b.Buf[:0]
	}
}

// Skip takes the first n messages out. Nobody else may own the batch.
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

// Footprint is how much memory the batch takes.
func (b *Batch) Footprint() int64 { return int64(cap(b.Buf)) + 8*int64(cap(b.Ends)) }
