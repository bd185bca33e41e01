package zmtp

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// What is written to a peer of an encrypted connection. The holder of the writing flag encrypts
// the beginning of the queue into an arena, writes that, and only then takes it off the queue:
// a message counts as sent when the whole arena has been written.

// sealBytes is about how much is encrypted at once. Frames are encrypted whole, so one bigger
// frame fills an arena of its own.
const sealBytes = batch.TargetBytes

// sealedOutput is the encrypted beginning of a send buffer. The holder of the writing flag uses it.
type sealedOutput struct {
	seal frameSealer

	ranges [][]byte     // of the queue, to be encrypted
	arena  *batch.Batch // encrypted; nil if nothing is
	sent   int          // bytes of the arena that are written
	plain  int          // bytes of the queue that the arena stands for
}

// protect makes a send buffer encrypt, before anything is queued; nil does not.
func (o *sendBuffer) protect(seal frameSealer) {
	if seal == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sealed = &sealedOutput{seal: seal}
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
		x.encrypt()
	}
	o.io.setVector(0, x.arena.Buf[x.sent:])
	n, err := o.io.write(1, wait)
	o.io.clearVector(1)
	if err != nil {
		return false, err
	}
	if x.sent += n; x.sent < len(x.arena.Buf) {
		return true, nil
	}
	x.arena.Release()
	x.arena, x.sent = nil, 0
	return false, nil
}

// encrypt encrypts whole frames of ranges, at least one.
func (x *sealedOutput) encrypt() {
	x.arena = batch.Get()
	dst := x.arena.Buf
	for _, p := range x.ranges {
		for len(p) > 0 {
			flags, head, size, _ := parseHeader(p)
			whole := head + int(size)
			need := len(dst) + whole + curve.Overhead
			if need > sealBytes && len(dst) > 0 {
				x.finish(dst)
				return
			}
			if need > cap(dst) {
				x.arena.Replace(batch.Arena(need))
				dst = x.arena.Buf
			}
			dst = x.seal.Append(dst, flags, p[head:whole])
			x.plain += whole
			p = p[whole:]
		}
	}
	x.finish(dst)
}

func (x *sealedOutput) finish(dst []byte) {
	x.arena.Buf = dst
	clear(x.ranges)
}
