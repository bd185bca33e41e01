package fds

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const closes = "HERMES_TEST_CLOSES"

// TestMain runs a test again in a process of its own, whose standard streams it may close.
func TestMain(m *testing.M) {
	if os.Getenv(closes) == "" {
		os.Exit(m.Run())
	}
	if err := withoutStreams(); err != nil {
		_ = os.WriteFile(os.Getenv(closes), []byte(err.Error()), 0o600)
		os.Exit(1)
	}
}

func TestNoDescriptorOfOursIsAStandardStream(t *testing.T) {
	report := t.TempDir() + "/report"
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), closes+"="+report)
	if err := program.Run(); err != nil {
		text, _ := os.ReadFile(report)
		t.Fatalf("%v: %s", err, text)
	}
}

func withoutStreams() error {
	first, err := net.Listen("tcp", "127.0.0.1:0") // with it comes Go's poller, which is not ours to close
	if err != nil {
		return err
	}
	closeStreams()
	l, err := net.Listen("tcp", "127.0.0.1:0") // its descriptor is 0
	if err != nil {
		return err
	}
	_ = first.Close()
	if l, err = RaiseListener(l); err != nil {
		return err
	}
	closeStreams()
	there, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	if there, err = RaiseConn(there); err != nil {
		return err
	}
	here, err := l.Accept()
	if err != nil {
		return err
	}
	if here, err = RaiseConn(here); err != nil {
		return err
	}
	closeStreams()
	event, err := Raise(unix.Eventfd(0, unix.EFD_CLOEXEC))
	if err != nil || event < lowest {
		return fmt.Errorf("eventfd is %d: %w", event, err)
	}
	if err = openWithoutStreams(); err != nil {
		return err
	}
	for fd := range lowest {
		if to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil && to != "/dev/null" {
			return fmt.Errorf("%d is %s", fd, to)
		}
	}
	if _, err = there.Write([]byte("x")); err != nil {
		return err
	}
	_, err = io.ReadFull(here, make([]byte, 1))
	return err
}

// openWithoutStreams opens what cannot be moved, while the host closes its streams.
func openWithoutStreams() (err error) {
	fd, times := -1, 0
	open := func() (err error) {
		if times++; times == 1 {
			closeStreams()
		}
		fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC)
		return err
	}
	undo := func() { _ = unix.Close(fd) }
	if err = OpenAboveStreams(open, undo); err != nil || fd < lowest || times != 2 {
		return fmt.Errorf("%d is open, after %d attempts: %w", fd, times, err)
	}
	undo()
	times = -10
	always := func() (err error) {
		closeStreams()
		return open()
	}
	if err = OpenAboveStreams(always, undo); !errors.Is(err, errStreams) {
		return fmt.Errorf("no stream can be kept: %w", err)
	}
	Occupy()
	if err = OpenAboveStreams(func() error { return unix.EMFILE }, undo); !errors.Is(err, unix.EMFILE) {
		return fmt.Errorf("it cannot be opened: %w", err)
	}
	return nil
}

func closeStreams() {
	for fd := range lowest {
		_ = unix.Close(fd)
	}
}

func TestADescriptorAboveTheStreamsStays(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	same, err := RaiseListener(l)
	require.NoError(t, err)
	require.True(t, same == l)
	_, err = Raise(-1, unix.EMFILE)
	require.ErrorIs(t, err, unix.EMFILE)
}
