package zmtp

import "time"

// kernelState is what the kernel knows of the other end of a connection. The other end of a
// Unix socket never vanishes unnoticed: only unsent is set for one.
//
// macOS, FreeBSD and Windows do not tell when the other system has last acknowledged anything, so nothing is
// known to be retransmitted there: a peer that has vanished while it was sent something is noticed when the
// kernel gives up.
type kernelState struct {
	unsent         int           // bytes that the other system has not acknowledged
	sinceAck       time.Duration // since it last acknowledged anything
	retransmitting bool          // the kernel has retransmitted since, without an answer
}
