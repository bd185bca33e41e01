//go:build !amd64

package wire

// matches reports whether data, which has the right size, matches the template.
func (t *template) matches(data []byte) bool { return t.matchesByWords(data) }
