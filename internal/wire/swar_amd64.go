package wire

// plainPrefix returns how many of the n bytes at p are plain, from the first one on; it
// stops where fewer than sixteen bytes are left, and may return less then.
//
//go:noescape
func plainPrefix(p *byte, n int) int
