package zmtp

import (
	"github.com/hermes-zmq/hermes/internal/batch"
)

// tlsOutput is the outputCodec of a connection with TLS. A record ends where it is full, and not
// where a frame or a range of the queue ends.
type tlsOutput struct{ layer *tlsLayer }

// output implements protection.
func (t *tlsLayer) output() outputCodec { return tlsOutput{t} }

// maxRecord is how many bytes one record has, at most (RFC 8446, 5.1). Ranges that are smaller than
// smallRange are put together first, because each record costs something.
const (
	maxRecord  = 16 << 10
	smallRange = 4 << 10
)

// tlsBytes is how much is encrypted at once, at most: batches of the usual size as a whole, and what
// fits, encrypted, into the usual arena.
const tlsBytes = batch.TargetBytes + 12<<10

// encrypt implements outputCodec. Big ranges are encrypted from where they are.
func (x tlsOutput) encrypt(ranges [][]byte) (arena *batch.Batch, plain int, err error) {
	var small *batch.Batch
	for _, p := range ranges {
		p = p[:min(len(p), tlsBytes-plain)]
		if err != nil || len(p) == 0 {
			break
		}
		plain += len(p)
		if len(p) >= smallRange {
			if err = x.writeSmall(small); err == nil {
				err = x.write(p)
			}
			continue
		}
		if small == nil {
			small = batch.Get()
		}
		small.Grow(len(p))
		small.Buf = append(small.Buf, p...)
	}
	if err == nil {
		err = x.writeSmall(small)
	}
	if small != nil {
		small.Release()
	}
	return x.layer.records.take(), plain, err
}

// writeSmall writes what has been put together, and empties it.
func (x tlsOutput) writeSmall(small *batch.Batch) error {
	if small == nil {
		return nil
	}
	err := x.write(small.Buf)
	small.Reset()
	return err
}

func (x tlsOutput) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	_, err := x.layer.Write(p)
	return err
}

// owes implements outputCodec: TLS may have answered the peer.
func (x tlsOutput) owes() bool {
	some, _ := x.layer.records.owes()
	return some
}

// end implements outputCodec.
func (x tlsOutput) end() { _ = x.layer.CloseWrite() }

// wipe implements outputCodec: the keys are those of crypto/tls, which keeps them.
func (tlsOutput) wipe() {}

// wipeInput implements protection: as wipe.
func (*tlsLayer) wipeInput() {}
