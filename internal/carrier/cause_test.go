package carrier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/errno"
)

func TestErrorsOfConnectionsHaveACauseAndAReason(t *testing.T) {
	call := func(err error) error {
		return fmt.Errorf("wrapped: %w", &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)})
	}
	for _, c := range []struct {
		err    error
		cause  Cause
		reason string
	}{
		{call(errno.ECONNREFUSED), CauseRefused, "connection refused"},
		{call(errno.EHOSTUNREACH), CauseNoRoute, "no route to host"},
		{call(errno.ENETUNREACH), CauseNoRoute, "network is unreachable"},
		{call(errno.ETIMEDOUT), CauseNoAnswer, "connection timed out"},
		{context.DeadlineExceeded, CauseNoAnswer, "context deadline exceeded"},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, CauseNoAnswer, "no answer in time"},
		{&net.DNSError{Name: "nowhere", IsNotFound: true}, CauseNoName, `no host is named "nowhere"`},
		{&net.DNSError{Name: "later", Err: "server misbehaving"}, CauseNoName, `cannot resolve the host "later": server misbehaving`},
		{call(syscall.ENOENT), CauseNoPath, "no such file or directory"},
		{call(syscall.EACCES), CauseForbidden, "permission denied"},
		{call(errno.ECONNRESET), CauseLeft, "connection reset by peer"},
		{io.EOF, CauseLeft, "EOF"},
		{&Fault{Cause: CauseSecurity, Text: "why"}, CauseSecurity, "why"},
		{errors.New("other"), CauseOther, "other"},
	} {
		require.Equal(t, c.cause, CauseOf(c.err), "%v", c.err)
		require.Equal(t, c.reason, Reason(c.err), "%v", c.err)
	}
	require.Equal(t, CauseOther, CauseOf(nil))
}

func TestAnEventTakesOverWhatAFaultSays(t *testing.T) {
	f := &Fault{Cause: CauseWrongType, Text: "why", Type: "PULL", Said: "no"}
	e := Event{Kind: HandshakeFailed, Address: "tcp://a"}.WithError(fmt.Errorf("wrapped: %w", f))
	require.Equal(t, Event{Kind: HandshakeFailed, Address: "tcp://a", Cause: CauseWrongType, Type: "PULL", Said: "no",
		Reason: "wrapped: why"}, e)
}
