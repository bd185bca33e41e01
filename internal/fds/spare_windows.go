// On Windows a process can have millions of handles, so no limit on their number is looked at.

package fds

// CheckSpare does nothing.
func CheckSpare() error { return nil }

// Available reports that there is always one more.
func Available() bool { return true }
