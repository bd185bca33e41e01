//go:build !amd64

package wire

// plainPrefix is the number of plain bytes at p that are found without a loop over words:
// none.
func plainPrefix(*byte, int) int { return 0 }
