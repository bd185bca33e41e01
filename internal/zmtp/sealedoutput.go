package zmtp

import (
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// What is written to a peer of an encrypted connection. The holder of the writing flag encrypts
// the beginning of the queue into an arena, writes that, and only then takes it off the queue:
// a message counts as sent when the whole arena has been written.

// sealBytes is about how much is encrypted at once. A bigger frame of CURVE, which is encrypted
// whole, fills an arena of its own.
const sealBytes = batch.TargetBytes

// outputCodec encrypts what is sent. The holder of the writing flag calls encrypt and end.
type outputCodec interface {
	// encrypt encrypts the beginning of a queue, at least one frame of it, or one byte, if there is
	// any, and whatever else is to be sent. plain is how many bytes of the queue the arena stands
	// for. The caller gets the arena, which may be nil if nothing is to be sent.
	encrypt(ranges [][]byte) (arena *batch.Batch, plain int, err error)
	// owes reports whether there is something to be sent besides the queue. Any goroutine may
	// call it.
	owes() bool
	// end adds what tells the peer that nothing more comes.
	end()
	// wipe overwrites the keys, of which nothing is encrypted any more, but for what end adds.
	wipe()
}

// sealedOutput is the encrypted beginning of a send buffer. The holder of the writing flag uses it.
type sealedOutput struct {
	codec outputCodec
	ended bool // codec.end was called; guarded by mu of the send buffer

	busy   atomic.Bool  // there is an arena, or one is being made
	ranges [][]byte     // of the queue, to be encrypted
	arena  *batch.Batch // encrypted; nil if nothing is
	sent   int          // bytes of the arena that are written
	plain  int          // bytes of the queue that the arena stands for
}

// protect makes a send buffer encrypt, before anything is queued.
func (o *sendBuffer) protect(codec outputCodec) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sealed = &sealedOutput{codec: codec}
}

// empty reports whether nothing is to be written besides the queue. owes is asked first: what it
// has reported is being written from before it no longer does.
func (x *sealedOutput) empty() bool { return x == nil || !x.codec.owes() && !x.busy.Load() }

// end reports whether something is to be written, once, that tells the peer that nothing more
// comes. The caller holds mu of the send buffer.
func (x *sealedOutput) end() bool {
	if x == nil || x.ended {
		return false
	}
	x.ended = true
	x.codec.end()
	return !x.empty()
}

// writeSealed is writeSome for an encrypted connection.
func (o *sendBuffer) writeSealed(wait bool) (full bool, err error) {
	x := o.sealed
	if x.arena == nil {
		o.advance()
		x.ranges = o.spanQueue.ranges(x.ranges[:0])
	}
	if full, err = o.writeArenaUnlocked(wait); full || err != nil {
		return full, err
	}
	o.written(x.plain)
	x.plain = 0
	o.wrote()
	return false, nil
}

// writeArenaUnlocked encrypts, if the arena has been written, and writes; full reports that some
// of the arena is left. The queue keeps what is encrypted until written.
func (o *sendBuffer) writeArenaUnlocked(wait bool) (full bool, err error) {
	o.mu.Unlock()
	defer o.mu.Lock()
	x := o.sealed
	if x.arena == nil {
		x.busy.Store(true)
		x.arena, x.plain, err = x.codec.encrypt(x.ranges)
		clear(x.ranges)
	}
	if err == nil && x.arena != nil {
		var n int
		o.io.setVector(0, x.arena.Buf[x.sent:])
		n, err = o.io.write(1, wait)
		o.io.clearVector(1)
		x.sent += n
	}
	if err != nil {
		return false, err
	}
	if x.arena != nil {
		if x.sent < len(x.arena.Buf) {
			return true, nil
		}
		x.arena.Release()
		x.arena, x.sent = nil, 0
	}
	x.busy.Store(false)
	return false, nil
}

// endNow tells the peer of a dead send buffer that nothing more comes, if that is possible at
// once: no write has been interrupted, and the kernel takes it.
func (o *sendBuffer) endNow() {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.sealed
	if x == nil || o.writing || x.busy.Load() {
		return
	}
	x.end()
	if arena, _, err := x.codec.encrypt(nil); err == nil && arena != nil {
		o.io.writeNow(arena.Buf)
		arena.Release()
	}
}

// curveOutput is the outputCodec of a connection with CURVE.
type curveOutput struct{ seal frameSealer }

// owes implements outputCodec.
func (curveOutput) owes() bool { return false }

// end implements outputCodec: CURVE has no end.
func (curveOutput) end() {}

// wipe implements outputCodec.
func (x curveOutput) wipe() { x.seal.Wipe() }

// encrypt implements outputCodec: it encrypts whole frames of ranges.
func (x curveOutput) encrypt(ranges [][]byte) (arena *batch.Batch, plain int, err error) {
	if len(ranges) == 0 {
		return nil, 0, nil
	}
	arena = batch.Get()
	dst := arena.Buf
	for _, p := range ranges {
		for len(p) > 0 {
			flags, head, size, _ := parseHeader(p)
			whole := head + int(size)
			need := len(dst) + whole + curve.Overhead
			if need > sealBytes && len(dst) > 0 {
				arena.Buf = dst
				return arena, plain, nil
			}
			if need > cap(dst) {
				arena.Replace(batch.Arena(need))
				dst = arena.Buf
			}
			dst = x.seal.Append(dst, flags, p[head:whole])
			plain += whole
			p = p[whole:]
		}
	}
	arena.Buf = dst
	return arena, plain, nil
}
