//go:build cgo && !nolibzmq

package zmtp

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// foreign is a socket of libzmq.
func foreign(t testing.TB, kind zmq.Type, setup ...func(*zmq.Socket) error) *zmq.Socket {
	t.Helper()
	s, err := zmq.NewSocket(kind)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.SetLinger(0))
	require.NoError(t, s.SetRcvtimeo(testkit.Soon))
	require.NoError(t, s.SetSndtimeo(testkit.Soon))
	require.NoError(t, s.SetIpv6(true))
	require.NoError(t, s.SetReconnectIvl(10*time.Millisecond))
	for _, f := range setup {
		require.NoError(t, f(s))
	}
	return s
}

func unlimited(s *zmq.Socket) error {
	if err := s.SetSndhwm(0); err != nil {
		return err
	}
	return s.SetRcvhwm(0)
}

// meeting is an address for one side to bind and the other to connect to.
type meeting struct {
	name, address string
	libzmqBinds   bool
}

func meetings(t *testing.T) (all []meeting) {
	dir := t.TempDir()
	for _, libzmqBinds := range []bool{false, true} {
		for transport, address := range map[string]string{
			"tcp": "tcp://127.0.0.1:*", "tcp6": "tcp://[::1]:*",
			"ipc": "ipc://" + dir + "/", "abstract": "ipc://@" + dir + "/",
		} {
			all = append(all, meeting{fmt.Sprintf("%s/libzmqBinds=%t", transport, libzmqBinds), address, libzmqBinds})
		}
	}
	return all
}

// join brings a libzmq socket and ours together; open opens ours.
func (m meeting) join(t *testing.T, s *zmq.Socket, open func(option) carrierSocket) {
	if strings.HasSuffix(m.address, "/") {
		m.address += fmt.Sprint(names.Add(1))
	}
	if m.libzmqBinds {
		require.NoError(t, s.Bind(m.address))
		at, err := s.GetLastEndpoint()
		require.NoError(t, err)
		open(dial(at))
		return
	}
	ours := open(bind(m.address))
	require.NoError(t, s.Connect(ours.Endpoints()[0]))
}

type carrierSocket interface{ Endpoints() []string }

func subscribe(s *zmq.Socket, kind zmq.Type, prefix string, on bool) error {
	switch {
	case kind == zmq.SUB && on:
		return s.SetSubscribe(prefix)
	case kind == zmq.SUB:
		return s.SetUnsubscribe(prefix)
	case on:
		_, err := s.Send("\x01"+prefix, 0)
		return err
	}
	_, err := s.Send("\x00"+prefix, 0)
	return err
}

// waitForPub sends until something arrives.
func waitForPub(t *testing.T, s *zmq.Socket, i testInlet) {
	testkit.Eventually(t, func() bool {
		_, err := s.SendMessage("yes/probe")
		require.NoError(t, err)
		return i.len() > 0
	}, "a first message")
}

func withoutProbes(all [][]string) (rest [][]string) {
	for _, msg := range all {
		if msg[0] != "yes/probe" {
			rest = append(rest, msg)
		}
	}
	return rest
}

// keepUsing keeps a libzmq socket busy, until stopped: it sees new peers only while
// it is being used.
func keepUsing(s *zmq.Socket) (stop func()) {
	quit := make(chan struct{})
	var user sync.WaitGroup
	user.Go(func() {
		for {
			select {
			case <-quit:
				return
			case <-time.After(time.Millisecond):
				_, _ = s.GetEvents()
			}
		}
	})
	return func() {
		close(quit)
		user.Wait()
	}
}
