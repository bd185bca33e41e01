package wire

// fits reports whether data, which has the right size, has the shape.
func (h *shape) fits(data []byte) bool { return fits(h, &data[0], len(data)) }

// fits looks at n bytes, at least sixteen.
//
//go:noescape
func fits(h *shape, data *byte, n int) bool
