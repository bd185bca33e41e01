// Windows gives handles numbers of its own, none of which is a standard stream's, and does not fork.

package fds

import "net"

// Occupy does nothing.
func Occupy() {}

// Raise gives its arguments.
func Raise(fd int, err error) (int, error) { return fd, err }

// OpenAboveStreams runs open.
func OpenAboveStreams(open func() error, _ func()) error { return open() }

// Evict does nothing.
func Evict(int) {}

// RaiseConn gives its argument.
func RaiseConn(nc net.Conn) (net.Conn, error) { return nc, nil }

// RaiseListener gives its argument.
func RaiseListener(l net.Listener) (net.Listener, error) { return l, nil }

// Describe is the text of err.
func Describe(err error) string { return err.Error() }

// inode is 0: no descriptor is tracked.
func inode(int) uint64 { return 0 }
