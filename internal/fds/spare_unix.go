// On Unix the number of descriptors of a process has a limit that programs reach.

//go:build unix

package fds

import "golang.org/x/sys/unix"

// CheckSpare makes sure of SpareDescriptors. Where it runs out of descriptors in the middle
// of setting up, libzmq aborts the program, and so does the Go runtime when it first
// has to do with the network.
func CheckSpare() error {
	Occupy() // what libzmq opens cannot be moved later
	var spare [SpareDescriptors]int
	for i := range spare {
		fd, err := openAny()
		if err != nil {
			closeAll(spare[:i])
			return err
		}
		spare[i] = fd
	}
	closeAll(spare[:])
	return nil
}

// Available reports whether the process can open one more descriptor.
func Available() bool {
	fd, err := openAny()
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}
