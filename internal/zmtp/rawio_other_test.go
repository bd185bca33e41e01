//go:build !linux || posix || portable

package zmtp

// vectorAt is the i-th range to write.
func (r *rawio) vectorAt(i int) []byte { return r.out.vec[i] }
