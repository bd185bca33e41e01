package zmtp

import (
	"github.com/hermes-zmq/hermes/internal/batch"
)

// tlsOutput is the outputCodec of a connection with TLS. A record ends where it is full, and not
// where a frame or a range of the queue ends.
type tlsOutput struct{ layer *tlsLayer }

// output implements protection.
func (t *tlsLayer) output() outputCodec { return tlsOutput{t} }

// maxRecord is how many bytes one record has, at most (RFC 8446, 5.1).
const maxRecord = 16 << 10

// encrypt implements outputCodec. Small ranges are put together; of a big one whole records are
// encrypted from where it is.
func (x tlsOutput) encrypt(ranges [][]byte) (arena *batch.Batch, plain int, err error) {
	var small *batch.Batch
	for _, p := range ranges {
		p = p[:min(len(p), sealBytes-plain)]
		plain += len(p)
		if small == nil {
			whole := len(p) / maxRecord * maxRecord
			if err = x.write(p[:whole]); err != nil {
				break
			}
			if p = p[whole:]; len(p) == 0 {
				continue
			}
			small = batch.Get()
		}
		small.Grow(len(p))
		small.Buf = append(small.Buf, p...)
	}
	if small != nil {
		if err == nil {
			err = x.write(small.Buf)
		}
		small.Release()
	}
	return x.layer.records.take(), plain, err
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
