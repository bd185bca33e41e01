// Package fds keeps the descriptors of this library away from the standard streams, and
// tracks them for a forked child. It hides how the kernel numbers descriptors.
//
// Descriptors 0 to 2 are the standard streams, even where a host has closed them: the next
// printf would write to a socket that got such a number. On Unix the kernel assigns the lowest number
// that is free, so Occupy opens /dev/null at those that are closed, as Go's runtime does when
// it starts, Raise moves a descriptor that got such a number all the same, and Evict ends
// connections that cannot be moved.
//
// A forked child has copies of all descriptors, and must close those of this library:
// tracking.go notes them in tables that the child can read without a lock.
//
// All functions are safe for concurrent use, and there are no locks.
package fds
