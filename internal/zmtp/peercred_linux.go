// On Linux the option SO_PEERCRED says who a peer is.

package zmtp

import (
	"net"

	"golang.org/x/sys/unix"
)

// readCredentials reads them; those of a peer over TCP are not known.
func readCredentials(nc net.Conn) (p peerCredentials) {
	if _, is := nc.(*net.UnixConn); !is {
		return p
	}
	control(nc, func(fd int) {
		if cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p = peerCredentials{local: true, uid: cred.Uid, gid: cred.Gid}
		}
	})
	return p
}
