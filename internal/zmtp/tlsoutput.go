package zmtp

import (
	"errors"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

// tlsOutput is the outputCodec of a connection with TLS. A record ends where it is full, and not
// where a frame or a range of the queue ends.
type tlsOutput struct{ layer *tlsLayer }

// output implements protection.
func (t *tlsLayer) output() outputCodec { return tlsOutput{t} }

// tlsBytes is how much is encrypted at once, at most: batches of the usual size as a whole, and what
// fits, encrypted, into the usual arena.
const tlsBytes = batch.TargetBytes + 12<<10

// header is room for that of a record.
var header [tlsrecord.HeaderSize]byte

// errEnded does not happen: nothing is queued once the send buffer is shut.
var errEnded = errors.New("data was to be sent behind the end of TLS (close_notify)")

// encrypt implements outputCodec: it copies the ranges to where they are encrypted.
func (x tlsOutput) encrypt(ranges [][]byte) (arena *batch.Batch, plain int, err error) {
	if len(ranges) > 0 && x.layer.end.Load() == endSent {
		return nil, 0, errEnded
	}
	arena = batch.Get()
	out, err := x.layer.renew(arena.Buf)
	if err != nil {
		arena.Release()
		return nil, 0, err
	}
	at, room := 0, 0 // of the record at work; it is full, or there is none, where room is 0
	for _, p := range ranges {
		p = p[:min(len(p), tlsBytes-plain)]
		plain += len(p)
		for len(p) > 0 {
			if room == 0 {
				at, room = len(out), tlsrecord.MaxContent
				out = append(out, header[:]...)
			}
			n := min(len(p), room)
			out = append(out, p[:n]...)
			p = p[n:]
			if room -= n; room == 0 {
				out = x.layer.out.Seal(out, at, tlsrecord.Data)
			}
		}
	}
	if room > 0 {
		out = x.layer.out.Seal(out, at, tlsrecord.Data)
	}
	if out = x.layer.farewell(out); len(out) == 0 {
		arena.Release()
		return nil, plain, nil
	}
	arena.Buf = out
	return arena, plain, nil
}

// owes implements outputCodec.
func (x tlsOutput) owes() bool { return x.layer.owes() }

// end implements outputCodec.
func (x tlsOutput) end() { x.layer.finish() }

// wipe implements outputCodec.
func (x tlsOutput) wipe() {
	x.layer.wiped = true
	x.layer.out.Wipe()
}

// wipeInput implements protection.
func (t *tlsLayer) wipeInput() { t.in.Wipe() }
