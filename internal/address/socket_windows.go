// On Windows no program is started with sockets.

package address

// isUnixSocket reports that it is none.
func isUnixSocket(int) bool { return false }
