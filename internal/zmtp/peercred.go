package zmtp

import (
	"net"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// peerCredentials is which user a peer on this machine runs as, as the kernel vouches for it
// (SO_PEERCRED, unix(7)). It is read once: the kernel keeps what held when the peer connected, or,
// of a peer that was connected to, when it began to listen, and so does this.
//
// Numbers are those of this process's user namespace. A user that has none there, as with
// containers, is the overflow user (65534 as a rule), so that number identifies no one.
type peerCredentials struct {
	local    bool // the connection is a Unix socket, and uid and gid are known
	uid, gid uint32
}

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

// credentials are those for events and statistics, or nil.
func (p peerCredentials) credentials() *carrier.Credentials {
	if !p.local {
		return nil
	}
	return &carrier.Credentials{UID: p.uid, GID: p.gid}
}
