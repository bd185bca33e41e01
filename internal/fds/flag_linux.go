// On Linux a flag is an eventfd: its counter is 1 or 0.

package fds

import "golang.org/x/sys/unix"

// flag is a descriptor that polls readable, or does not.
type flag struct{ fd int }

func newFlag() (flag, error) {
	fd, err := Raise(unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK))
	return flag{fd}, err
}

// number is what an event loop waits for.
func (f flag) number() int { return f.fd }

// set makes one readable that is not.
func (f flag) set() {
	var one = [8]byte{1}
	_, _ = unix.Write(f.fd, one[:]) // cannot block: the counter is 0
}

// clear makes one unreadable that is readable.
func (f flag) clear() {
	var one = [8]byte{1}
	_, _ = unix.Read(f.fd, one[:]) // resets the counter
}

func (f flag) close() { _ = unix.Close(f.fd) }

// openAny opens a descriptor of no use.
func openAny() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) }
