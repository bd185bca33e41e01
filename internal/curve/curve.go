// Package curve is CurveZMQ (RFC 26): the keys, and the handshake and encryption of one
// connection, as pure state machines: they do no input or output and start no goroutines. Package
// zmtp carries the commands and frames.
//
//	key.go      keys and their text, Z85
//	keyfile.go  certificate files of CZMQ and pyzmq, and sets of keys
//	config.go   which keys an end has, and which part it plays
//	box.go      XSalsa20 and Poly1305 as the commands use them
//	client.go   HELLO → WELCOME → INITIATE → READY, the client's part
//	server.go   the server's part, which has no keys of the connection before INITIATE is valid
//	message.go  MESSAGE: encryption after the handshake
//
// Keys are wiped by the one that owns them, when they are not used any more: Pair.Wipe, End of a
// handshake, Keys.Wipe of a connection. Copies that crypto/ecdh keeps, and x/crypto makes on stacks, are not.
//
// Names follow the RFC: C and S are the permanent public keys of client and server, c and s the
// secret ones; C', c', S' and s' are those of one connection.
package curve

import "fmt"

// Cause sorts the failures of a handshake.
type Cause uint8

// The causes.
const (
	CauseProtocol  Cause = iota // a command is malformed, out of order, or not authentic
	CauseServerKey              // the client expects another key of the server
	CauseClientKey              // the server does not know the key of the client
	CauseRefused                // the peer refused for a reason of its own
)

// Error is why a handshake has failed.
type Error struct {
	Cause Cause
	Text  string
	Tell  string // what the peer is told in an ERROR; "" if it would not read it
}

func (e *Error) Error() string { return e.Text }

func protocolError(format string, args ...any) *Error {
	return &Error{Cause: CauseProtocol, Text: "CURVE: " + fmt.Sprintf(format, args...)}
}

// Step is what becomes of a command of the peer.
type Step struct {
	Answer   []byte // the body of the command to send; nil for none
	Done     bool   // the peer is authenticated: Metadata, and the Keys of the handshake, are valid
	Metadata []byte // what the peer says of itself
}

// Keys is what a finished handshake leaves.
type Keys struct {
	Peer Public // the permanent key of the peer
	Out  Sealer
	In   Opener
}

// Wipe overwrites the keys of both directions; nil is allowed.
func (k *Keys) Wipe() {
	if k == nil {
		return
	}
	k.Out.Wipe()
	k.In.Wipe()
}
