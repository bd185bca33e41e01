package zmtp

import "net"

// rawio is the reading and writing of one connection, without net.Conn's own where the system
// lets us do better. What it is made of differs:
//
//	                    rawio_linux.go     rawio_posix.go       rawio_portable.go
//	                    Linux              macOS, FreeBSD       Windows
//	a write is tried    yes                yes                  never: the writer goroutine writes
//	without blocking
//	a reader has no     yes                yes                  yes, but for a small one
//	buffer while idle
//	reading is leased   yes                no                   no
//
// One goroutine reads and one writes at a time. All of them have:
//
//	newRawio        makes one
//	read, write     of which rawio_linux.go says more
//	setVector       makes p the i-th range to write, of maxVector at most; p is not empty
//	clearVector     forgets the first ranges, so that they keep no memory alive
//	writeNow        writes a last word, as far as that is possible at once
//	SetDeadline     is net.Conn's, for whatever waits
//	Close           is net.Conn's, and ends whatever waits
//
// On Linux the tags posix and portable build the other two, for their tests.

// maxVector is how many ranges one write takes along.
const maxVector = 64

// closeWrite tells the peer that nothing more will come.
func (r *rawio) closeWrite() {
	if c, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// unread reports whether the kernel has bytes of the peer's that have not been read.
func (r *rawio) unread() (unread bool) {
	if c, is := r.Conn.(withinConn); is {
		return c.Unread() > 0
	}
	_ = r.raw.Control(func(fd uintptr) { unread = hasUnread(fd) })
	return unread
}

// delivered reports whether nothing that was written can get lost any more by closing the connection: what
// is in a Unix socket stays for its reader.
func (r *rawio) delivered() bool {
	_, isUnix := r.Conn.(*net.UnixConn)
	return isUnix || r.kernelState().unsent == 0
}

// kernelState is what the kernel knows of the peer's system.
func (r *rawio) kernelState() (k kernelState) {
	if c, is := r.Conn.(withinConn); is {
		return kernelState{unsent: c.Unsent()}
	}
	_, isTCP := r.Conn.(*net.TCPConn)
	_ = r.raw.Control(func(fd uintptr) { k = queryKernel(fd, isTCP) })
	return k
}
