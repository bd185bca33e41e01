package wire

// matches reports whether data, which has the right size, matches the template.
func (t *template) matches(data []byte) bool { return matchTemplate(t, &data[0], len(data)) }

// matchTemplate compares n bytes, at least sixteen.
//
//go:noescape
func matchTemplate(t *template, data *byte, n int) bool
