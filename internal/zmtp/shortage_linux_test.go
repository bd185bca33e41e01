package zmtp

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// exhaustDescriptors takes all descriptors of the process, until the function that it returns is
// called.
func exhaustDescriptors(t *testing.T) (feed func()) {
	t.Helper()
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	lowest := uint64(file.Fd())
	require.NoError(t, file.Close())
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: lowest, Max: limit.Max}))
	fed := false
	feed = func() {
		if !fed {
			fed = true
			require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
		}
	}
	t.Cleanup(feed)
	return feed
}

func TestALackOfDescriptorsToAcceptIsReported(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	// The peer has its descriptor before there are none.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer func() { _ = unix.Close(fd) }()
	at, err := net.ResolveTCPAddr("tcp", strings.TrimPrefix(o.address(), "tcp://"))
	require.NoError(t, err)

	restore := exhaustDescriptors(t)
	began := time.Now()
	require.NoError(t, unix.Connect(fd, &unix.SockaddrInet4{Port: at.Port, Addr: [4]byte{127, 0, 0, 1}}))
	e := o.eventLog.wait(t, carrier.Exhausted, 1)
	require.Contains(t, e.Reason, "too many open files")
	require.Contains(t, e.Reason, "ulimit -n")
	o.eventLog.wait(t, carrier.Exhausted, 2)
	require.Nil(t, o.eventLog.find(carrier.Recovered, 0))
	restore()
	o.eventLog.wait(t, carrier.Recovered, 1)
	told := 0
	for _, e := range o.eventLog.all() {
		if e.Kind == carrier.Exhausted {
			told++
		}
	}
	require.LessOrEqual(t, told, int(time.Since(began)/noticeEvery)+1)

	_, err = unix.Write(fd, []byte("no greeting at all"))
	require.NoError(t, err)
	o.eventLog.wait(t, carrier.HandshakeFailed, 1) // the connection that waited is served
	newInlet(t, carrier.SUB, nil, dial(o.address())).eventLog.wait(t, carrier.Connected, 1)
}

func TestALackOfDescriptorsToConnectIsReported(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	in := newInlet(t, carrier.SUB, nil, dial("tcp://127.0.0.1:1"))
	in.eventLog.wait(t, carrier.Retrying, 1)
	restore := exhaustDescriptors(t)
	e := in.eventLog.wait(t, carrier.Exhausted, 1)
	require.Contains(t, e.Reason, "too many open files")
	restore()
	in.eventLog.wait(t, carrier.Recovered, 1)
	other := newInlet(t, carrier.SUB, nil, dial(o.address()))
	other.eventLog.wait(t, carrier.Connected, 1)
}
