// What is not set on sockets on Windows.

package zmtp

// shutdown does nothing: no other process has the socket.
func shutdown(int) {}

// reuseAddress does nothing: the option of this name would let other programs take a port that is in use, and
// the port of a connection can be bound without it.
func reuseAddress(int) {}
