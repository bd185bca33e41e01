package core

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// passed is a descriptor of a socket that listens, as a program gets it that systemd starts.
func passed(t *testing.T, network, at string) (fd int, address net.Addr) {
	t.Helper()
	l, err := net.Listen(network, at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	file, err := l.(interface{ File() (*os.File, error) }).File()
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return int(file.Fd()), l.Addr()
}

func TestAPostOfficeTakesSocketsThatListenAlready(t *testing.T) {
	publishers, in := passed(t, "tcp", "127.0.0.1:0")
	subscribers, out := passed(t, "unix", filepath.Join(shortDir(t), "s"))
	po, err := NewPostOffice(fmt.Sprintf("fd://%d", publishers), fmt.Sprintf("fd://%d,tcp://127.0.0.1:*", subscribers), "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = po.Close() })

	// Both come before the post office runs, and wait.
	r := newReceiver(t, "zmtp", "ipc://"+out.String())
	p := newPublisher(t, "zmtp", "tcp://"+in.String())
	for run := range 2 {
		require.NoError(t, po.Start())
		require.Equal(t, "tcp://"+in.String(), get(t, po, "endpoint.in"))
		require.Regexp(t, "^ipc://"+out.String()+",tcp://127.0.0.1:[0-9]+$", get(t, po, "endpoint.out"))
		before := r.Stats().Arrived
		publishUntil(t, p, "t", fmt.Sprint(run), func() bool { return r.Stats().Arrived > before })
		require.NoError(t, po.Stop(soon))
	}
}

func TestASocketThatListensAlreadyNeedsItsEngineAndItsCertificate(t *testing.T) {
	fd, _ := passed(t, "unix", filepath.Join(shortDir(t), "s"))
	for _, c := range []struct {
		address string
		set     [2]string
		code    Code
		want    string
	}{
		{"fd", [2]string{"ipc.mode", "0600"}, EOPTION, "in a socket unit of systemd: SocketMode="},
		{"tls+fd", [2]string{"engine", "auto"}, EOPTION, "only with a certificate"},
	} {
		r, err := NewReceiver(fmt.Sprintf("@%s://%d", c.address, fd), "r")
		require.NoError(t, err)
		set(t, r, c.set[0], c.set[1])
		code(t, c.code, r.Start(), c.want)
		require.NoError(t, r.Close())
	}
	_, err := NewReceiver("fd://3", "r")
	code(t, EADDRESS, err, "can be bound, but not connected to")
}
