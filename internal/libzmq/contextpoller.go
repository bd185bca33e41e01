//go:build cgo && !nolibzmq

package libzmq

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	zmq "github.com/pebbe/zmq4"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// libzmq does not report which descriptors it opens, and a forked child has to close them
// (see internal/fds/inherit). But the epoll instance of a context's I/O thread watches all of its
// sockets, and the kernel lists what an epoll instance watches. To find the instance, a
// socket of the context is bound for a moment to a unique name.

// pollerWait is how long the I/O thread may take to watch that socket. If it takes longer,
// a forked child keeps libzmq's descriptors open.
const pollerWait = 2 * time.Second

var probes atomic.Uint64

// findPoller is the epoll instance of a context, or -1.
func findPoller(ctx *zmq.Context) int {
	if !fds.Tracking() {
		return -1
	}
	soc, err := ctx.NewSocket(zmq.PAIR)
	if err != nil {
		return -1
	}
	defer func() { _ = soc.Close() }()
	name := fmt.Sprintf("@hermes-probe-%d-%d", os.Getpid(), probes.Add(1))
	if soc.SetLinger(0) != nil || soc.Bind("ipc://"+name) != nil {
		return -1
	}
	listener := boundTo(name)
	for end := time.Now().Add(pollerWait); listener >= 0 && time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		if poller, ok := fds.PollerOf(listener); ok {
			fds.TrackPoller(poller)
			return poller
		}
	}
	return -1
}

// boundTo is the descriptor of this process that is bound to a Unix socket, or -1.
func boundTo(name string) int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	for _, each := range all {
		fd, err := strconv.Atoi(each.Name())
		if err != nil {
			continue
		}
		at, err := unix.Getsockname(fd)
		if local, ok := at.(*unix.SockaddrUnix); err == nil && ok && local.Name == name {
			return fd
		}
	}
	return -1
}
