package zmtp

// protection is how a connection is encrypted in both directions, once the handshake is over.
type protection interface {
	// output is for the send buffer of the connection.
	output() outputCodec
	// input puts decryption in front of a byteSink. limit bounds what has to be there before any of
	// it can be decrypted, in bytes. early is what came behind the handshake; it is consumed.
	input(c *conn, to byteSink, limit uint64, early []byte) (byteSink, error)
	// wipeInput overwrites the keys of what arrives, of which nothing is decrypted any more.
	wipeInput()
}

// curveProtection is the protection of a connection with CURVE.
type curveProtection struct {
	seal frameSealer
	open frameOpener
}

// output implements protection.
func (p *curveProtection) output() outputCodec { return curveOutput{p.seal} }

// wipeInput implements protection.
func (p *curveProtection) wipeInput() { p.open.Wipe() }

// decrypted puts decryption in front of a byteSink, if the connection is encrypted, and has early
// consumed, which came behind the handshake.
func (c *conn) decrypted(to byteSink, limit uint64, early []byte) (byteSink, error) {
	if c.guarded == nil {
		return to, preload(to, early)
	}
	return c.guarded.input(c, to, limit, early)
}
