package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/internal/errno"
)

// ErrDead is the error of a listener that does not serve who comes. Other errors of Probe say nothing about the
// listener.
var ErrDead = errors.New("it does not serve connections")

// Probe reports whether an endpoint, such as tcp://127.0.0.1:6000, serves connections: it connects, says at once that
// it has nothing to say, and waits until the other end has closed the connection. A listener that only the kernel
// keeps open does not. Post offices count such a connection neither as a peer nor as a refused one. Endpoints
// of other transports than tcp, tls and ipc are not looked at.
func Probe(ctx context.Context, endpoint string) error {
	network, address := dialled(endpoint)
	if network == "" {
		return nil
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	switch {
	case errors.Is(err, errno.ECONNREFUSED), errors.Is(err, os.ErrNotExist), isTimeout(err):
		return fmt.Errorf("%w at %s: %w", ErrDead, endpoint, err)
	case err != nil:
		return fmt.Errorf("cannot look whether %s is served: %w", endpoint, err)
	}
	defer conn.Close()
	if until, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(until)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // an error: the other end has closed it already
	}
	if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
		return fmt.Errorf("%w at %s: it has accepted a connection, and says nothing", ErrDead, endpoint)
	}
	return nil
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

// dialled is where to connect to for an endpoint that is bound; "" where that is not known.
func dialled(endpoint string) (network, address string) {
	transport, at, _ := strings.Cut(strings.TrimPrefix(endpoint, "plain+"), "://")
	switch transport {
	case "ipc":
		return "unix", at
	case "tcp", "tls":
	default:
		return "", ""
	}
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return "", ""
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "*", err == nil && ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case err == nil && ip == netip.IPv6Unspecified():
		host = "::1"
	}
	return "tcp", net.JoinHostPort(host, port)
}
