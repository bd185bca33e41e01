package core

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// spareDescriptors is how many file descriptors must be free for a socket to be
// opened.
const spareDescriptors = 16

// checkDescriptors makes sure of them. Where it runs out of descriptors in the middle
// of setting up, libzmq aborts the program, and so does the Go runtime when it first
// has to do with the network.
func checkDescriptors() error {
	fds.Occupy() // what libzmq opens cannot be moved later
	var spare [spareDescriptors]int
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

// NoteDescriptors is for the C interface: from now on the descriptors that components open
// are noted in these tables, for a forked child to close; see internal/fds/inherit.
func NoteDescriptors(owned, pollers []atomic.Uint64) { fds.StartTracking(owned, pollers) }
