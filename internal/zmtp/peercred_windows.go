// On Windows users have no numbers, and a Unix socket tells of no user.

package zmtp

import "net"

// readCredentials reads none.
func readCredentials(net.Conn) peerCredentials { return peerCredentials{} }
