package fds

import (
	"golang.org/x/sys/unix"
)

// SpareDescriptors is how many file descriptors must be free for a socket to be
// opened.
const SpareDescriptors = 16

// CheckSpare makes sure of them. Where it runs out of descriptors in the middle
// of setting up, libzmq aborts the program, and so does the Go runtime when it first
// has to do with the network.
func CheckSpare() error {
	Occupy() // what libzmq opens cannot be moved later
	var spare [SpareDescriptors]int
	for i := range spare {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			closeAll(spare[:i])
			return err
		}
		spare[i] = fd
	}
	closeAll(spare[:])
	return nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}
