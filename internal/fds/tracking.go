package fds

import "sync/atomic"

// tables are indexed by descriptor. A forked child reads them, at any moment.
type tables struct{ owned, pollers []atomic.Uint64 }

// tracked is nil until StartTracking.
var tracked atomic.Pointer[tables]

// StartTracking begins to track descriptors: owned[fd] becomes the inode of each descriptor
// of Track, pollers[fd] becomes 1 for each of TrackPoller and for that of Go's runtime.
// Descriptors beyond the length of a table are not tracked.
func StartTracking(owned, pollers []atomic.Uint64) {
	tracked.Store(&tables{owned, pollers})
	if poller, ok := goPoller(); ok {
		TrackPoller(poller)
	}
}

func set(table []atomic.Uint64, fd int, value uint64) {
	if fd >= 0 && fd < len(table) {
		table[fd].Store(value)
	}
}

// Tracking reports whether StartTracking has been called.
func Tracking() bool { return tracked.Load() != nil }

// Track tracks a descriptor that was opened.
func Track(fd int) {
	if n := tracked.Load(); n != nil {
		if is := inode(fd); is != 0 {
			set(n.owned, fd, is)
		}
	}
}

// Untrack ends that for a descriptor that is closed next.
func Untrack(fd int) {
	if n := tracked.Load(); n != nil {
		set(n.owned, fd, 0)
	}
}

// TrackPoller tracks an epoll instance that holds nothing but descriptors of this library.
func TrackPoller(fd int) {
	if n := tracked.Load(); n != nil {
		set(n.pollers, fd, 1)
	}
}

// UntrackPoller ends that for an epoll instance that is closed next.
func UntrackPoller(fd int) {
	if n := tracked.Load(); n != nil {
		set(n.pollers, fd, 0)
	}
}
