// On Linux, where the tag posix builds rawio_posix.go for its tests, MSG_NOSIGNAL does it.

//go:build posix

package zmtp

func neverSignal(int) {}
