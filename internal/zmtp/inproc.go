package zmtp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/inproc"
)

// Connections within this process (inproc://name): all of ZMTP, over a pair of pipes in memory (package
// inproc) in place of a socket. Messages cross by reference: the receiver is delivered a view of the batch
// that the sender has queued (batch.View). Commands, and messages that fill little of their batch, are
// copied, once to the pipe and once from it, as they are by a kernel.
//
//	sendBuffer.writeWithin  ranges of batches, and commands  →  inproc.Conn
//	inlet.receiveWithin     inproc.Conn  →  views, delivered at once; or bytes, to the decoder
//
// The lock of the send buffer is not held while a range is handed over, and no lock while one is
// delivered.

func dialInproc(name string) (net.Conn, error) {
	c, err := inproc.Dial(name)
	if err != nil {
		return nil, err // a nil pointer would not be a nil interface
	}
	return c, nil
}

func listenInproc(name string) (*listener, error) {
	l, err := inproc.Listen(name)
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, endpoint: "inproc://" + name}, nil
}

// checkWithin refuses keys at an address of this process, where nothing would be encrypted.
func (s *socket) checkWithin(a endpoint) error {
	if a.network == "inproc" && !a.Plain && s.cfg.Curve != nil {
		return fmt.Errorf("%w: %s with the options curve.*: it would carry plain text (plain+%s says that it may)",
			carrier.ErrUnsupported, a.Text, a.Text)
	}
	return nil
}

// ownCredentials are those of peers within this process.
func ownCredentials() peerCredentials {
	uid, gid := os.Geteuid(), os.Getegid()
	return peerCredentials{local: uid >= 0, uid: uint32(uid), gid: uint32(gid)}
}

// withinConn makes a connection one of those that rawio takes, which have a descriptor: rawio closes it,
// and it is neither read nor written through it.
type withinConn struct{ *inproc.Conn }

// SyscallConn implements syscall.Conn.
func (withinConn) SyscallConn() (syscall.RawConn, error) { return noDescriptor{}, nil }

// noDescriptor stands for the descriptor.
type noDescriptor struct{}

func (noDescriptor) Control(func(uintptr)) error    { return errors.ErrUnsupported }
func (noDescriptor) Read(func(uintptr) bool) error  { return errors.ErrUnsupported }
func (noDescriptor) Write(func(uintptr) bool) error { return errors.ErrUnsupported }

// writeWithin is writeSome: it hands ranges over until the peer has enough to read.
func (o *sendBuffer) writeWithin(wait bool) (full bool, err error) {
	o.advance()
	offered := o.gatherWithin()
	n, err := o.sendUnlocked(wait)
	clear(o.ranges)
	if err == nil {
		o.written(n)
		o.wrote()
	}
	return n < offered, err
}

// gatherWithin makes ranges of the first spans, and reports how many bytes those are. The queue may add
// to its arena while they are handed over, so what is needed of a batch is read here.
func (o *sendBuffer) gatherWithin() (bytes int) {
	o.ranges = o.ranges[:0]
	for i := range min(len(o.spans)-o.head, maxVector) {
		s := &o.spans[o.head+i]
		r := inproc.Range{Bytes: s.b.Buf[s.off:s.end]}
		if held := s.b.Held(); s.last > s.first && inproc.Shareable(len(r.Bytes), held) {
			r.Batch, r.Held, r.Ends, r.Base = s.b, held, s.b.Ends[s.first:s.last], s.off
		}
		o.ranges = append(o.ranges, r)
		bytes += len(r.Bytes)
	}
	return bytes
}

func (o *sendBuffer) sendUnlocked(wait bool) (int, error) {
	o.mu.Unlock()
	defer o.mu.Lock()
	return o.within.Send(o.ranges, wait)
}

// readWithin is rawio.read.
func (c *conn) readWithin(room func() []byte, idle func()) (int, error) {
	if err := c.out.within.Await(idle); err != nil {
		return 0, err
	}
	return c.out.within.Read(room())
}

// receiveWithin delivers what a peer within this process sends until the connection ends.
func (i *inlet) receiveWithin(c *conn, d *decoder) error {
	idle := d.idle // made once: each would be an allocation
	for {
		if err := c.out.within.Await(idle); err != nil {
			return err
		}
		c.hear()
		r, n := c.out.within.Receive(d.room())
		if r.Batch != nil {
			if err := i.deliverRange(c, d, r); err != nil {
				return err
			}
			continue
		}
		if err := d.consume(n); err != nil {
			return err
		}
	}
}

// deliverRange delivers messages that were handed over by reference, and takes over the range. What is
// not within the limits the decoder refuses, in the same words as ever.
func (i *inlet) deliverRange(c *conn, d *decoder, r inproc.Range) error {
	v := batch.View(r.Batch, r.Bytes, r.Held)
	defer v.Release()
	if d.full == 0 && index(v, &r, &d.limits) {
		i.deliverBatch(c, v)
		return nil
	}
	for rest := r.Bytes; len(rest) > 0; {
		n := copy(d.room(), rest)
		rest = rest[n:]
		if err := d.consume(n); err != nil {
			return err
		}
	}
	return nil
}

// index notes where the messages of a view end. It reports false where one may exceed the limits, or
// where there is something between them: a queue's arena has commands as well.
func index(v *batch.Batch, r *inproc.Range, l *messageLimits) bool {
	at := 0
	for _, end := range r.Ends {
		end -= r.Base
		size := end - at
		if r.Bytes[at]&batch.FlagCommand != 0 || uint64(size) > l.bytes {
			return false
		}
		if size > 2*l.frames && !fewFrames(r.Bytes[at:end], l.frames) { // a frame has two bytes at least
			return false
		}
		v.Ends = append(v.Ends, end)
		at = end
	}
	return at == len(r.Bytes)
}

// fewFrames reports whether a message has at most n frames.
func fewFrames(msg []byte, n int) bool {
	for ; n > 0 && len(msg) > 0; n-- {
		_, rest, _, ok := batch.NextFrame(msg)
		if !ok {
			return false
		}
		msg = rest
	}
	return len(msg) == 0
}
