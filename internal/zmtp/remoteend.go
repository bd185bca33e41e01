package zmtp

import "net"

// remoteEnd is what is known of the peer of a connection before it has said anything.
type remoteEnd struct {
	address string // of the peer, as events report it
	bound   bool   // it has connected to a bound address
	at      string // the bound address that it has connected to, port resolved, or the one that was dialled
	overTLS bool   // the connection is to be TLS
	host    string // that was connected to; "" if bound
	peerCredentials
}

// accepted is the peer of a connection that has come to a listener; on a Unix socket its address is
// that of the listener.
func (l *listener) accepted(nc net.Conn) remoteEnd {
	at := remoteEnd{address: l.endpoint, bound: true, at: l.endpoint, overTLS: l.tls}
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		at.address = transport(l.tls) + tcp.String()
	}
	return at
}

// dialled is the peer of a connection that was made to an address.
func (a endpoint) dialled() remoteEnd {
	return remoteEnd{address: a.Text, at: a.Text, overTLS: a.tls, host: a.Host}
}

// transport is the beginning of an address of TCP.
func transport(tls bool) string {
	if tls {
		return "tls://"
	}
	return "tcp://"
}
