package wire

// plainPrefix gives the number of plain bytes that the n bytes at p begin with, or, where
// fewer than sixteen are left to look at, a number below that.
//
//go:noescape
func plainPrefix(p *byte, n int) int
