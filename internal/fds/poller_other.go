// A forked child inherits no kqueue (macOS, FreeBSD), and Windows does not fork: no poller is tracked.

//go:build !linux

package fds

func goPoller() (fd int, ok bool) { return -1, false }

// PollerOf finds none.
func PollerOf(int) (fd int, ok bool) { return -1, false }
