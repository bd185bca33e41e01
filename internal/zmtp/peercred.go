package zmtp

import "github.com/hermes-zmq/hermes/internal/carrier"

// peerCredentials is which user a peer on this machine runs as, as the kernel vouches for it
// (on Linux SO_PEERCRED, unix(7)). It is read once: the kernel keeps what held when the peer connected, or,
// of a peer that was connected to, when it began to listen, and so does this.
//
// Numbers are those of this process's user namespace. A user that has none there, as with
// containers, is the overflow user (65534 as a rule), so that number identifies no one.
type peerCredentials struct {
	local    bool // the connection is a Unix socket, or within this process, and uid and gid are known
	uid, gid uint32
}

// credentials are those for events and statistics, or nil.
func (p peerCredentials) credentials() *carrier.Credentials {
	if !p.local {
		return nil
	}
	return &carrier.Credentials{UID: p.uid, GID: p.gid}
}
