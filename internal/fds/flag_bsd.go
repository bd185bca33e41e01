// On macOS and FreeBSD a flag is a pipe, with one byte in it or none.

//go:build darwin || freebsd

package fds

import "golang.org/x/sys/unix"

// flag is a descriptor that polls readable, or does not.
type flag struct{ reader, writer int }

func newFlag() (flag, error) {
	reader, writer, err := pipe()
	return flag{reader, writer}, err
}

// number is what an event loop waits for.
func (f flag) number() int { return f.reader }

// set makes one readable that is not.
func (f flag) set() { _, _ = unix.Write(f.writer, []byte{1}) } // cannot block: the pipe is empty

// clear makes one unreadable that is readable.
func (f flag) clear() {
	var one [1]byte
	_, _ = unix.Read(f.reader, one[:])
}

func (f flag) close() {
	Untrack(f.writer)
	_ = unix.Close(f.writer)
	_ = unix.Close(f.reader)
}
