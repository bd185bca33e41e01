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

// starve takes all descriptors of the process, until the function that it returns is
// called.
func starve(t *testing.T) (feed func()) {
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

func TestALackOfDescriptorsIsToldAndPasses(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	// The peer has its descriptor before there are none.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer func() { _ = unix.Close(fd) }()
	at, err := net.ResolveTCPAddr("tcp", strings.TrimPrefix(o.address(), "tcp://"))
	require.NoError(t, err)

	feed := starve(t)
	began := time.Now()
	require.NoError(t, unix.Connect(fd, &unix.SockaddrInet4{Port: at.Port, Addr: [4]byte{127, 0, 0, 1}}))
	e := o.diary.wait(t, carrier.Exhausted, 1)
	require.Contains(t, e.Reason, "too many open files")
	require.Contains(t, e.Reason, "ulimit -n")
	o.diary.wait(t, carrier.Exhausted, 2)
	require.Nil(t, o.diary.find(carrier.Recovered, 0))
	feed()
	o.diary.wait(t, carrier.Recovered, 1)
	told := 0
	for _, e := range o.diary.all() {
		if e.Kind == carrier.Exhausted {
			told++
		}
	}
	require.LessOrEqual(t, told, int(time.Since(began)/noticeEvery)+1)

	_, err = unix.Write(fd, []byte("no greeting at all"))
	require.NoError(t, err)
	o.diary.wait(t, carrier.HandshakeFailed, 1) // the one that waited is served
	newInlet(t, carrier.SUB, nil, dial(o.address())).diary.wait(t, carrier.Connected, 1)
}

func TestALackOfDescriptorsForConnectingIsToldAndPasses(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	in := newInlet(t, carrier.SUB, nil, dial("tcp://127.0.0.1:1"))
	in.diary.wait(t, carrier.Retrying, 1)
	feed := starve(t)
	e := in.diary.wait(t, carrier.Exhausted, 1)
	require.Contains(t, e.Reason, "too many open files")
	feed()
	in.diary.wait(t, carrier.Recovered, 1)
	other := newInlet(t, carrier.SUB, nil, dial(o.address()))
	other.diary.wait(t, carrier.Connected, 1)
}
