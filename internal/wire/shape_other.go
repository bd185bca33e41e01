//go:build !amd64

package wire

// fits reports whether data, which has the right size, has the shape.
func (h *shape) fits(data []byte) bool { return h.fitsSlowly(data) }
