// On macOS and FreeBSD the option LOCAL_PEERCRED says who a peer is.

//go:build darwin || freebsd

package zmtp

import (
	"net"

	"golang.org/x/sys/unix"
)

// readCredentials reads them; those of a peer over TCP are not known. The first group is the effective one.
func readCredentials(nc net.Conn) (p peerCredentials) {
	if _, is := nc.(*net.UnixConn); !is {
		return p
	}
	control(nc, func(fd int) {
		if cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED); err == nil && cred.Ngroups > 0 {
			p = peerCredentials{local: true, uid: cred.Uid, gid: cred.Groups[0]}
		}
	})
	return p
}
