package zmtp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
)

// endpoint is an address that this carrier can serve.
type endpoint struct {
	address.Address
	network string // "tcp", "unix" or "inproc"; "" of a socket that listens already, until it is asked
	tls     bool   // TLS stands between
}

// parseEndpoint parses tcp://host:port, tls://host:port, ipc://path, inproc://name, fd://number and tls+fd://number.
func parseEndpoint(text string) (endpoint, error) {
	a, err := address.Parse(text)
	if err == nil {
		err = a.Resolve()
	}
	if err != nil {
		return endpoint{}, err
	}
	switch {
	case a.Source != "":
		return endpoint{}, fmt.Errorf("%w: a source address, as in %q", carrier.ErrUnsupported, text)
	case a.Transport == "tcp", a.Transport == "tls":
		return endpoint{a, "tcp", a.Transport == "tls"}, nil
	case a.Transport == "ipc":
		return endpoint{a, "unix", false}, nil
	case a.Transport == "inproc":
		return endpoint{a, "inproc", false}, nil
	case a.Transport == "fd", a.Transport == "tls+fd":
		return endpoint{a, "", a.Transport == "tls+fd"}, nil
	}
	return endpoint{}, fmt.Errorf("%w: transport %q of %q", carrier.ErrUnsupported, a.Transport, text)
}

// dial connects.
func (a endpoint) dial(ctx context.Context) (net.Conn, error) {
	if a.network == "inproc" {
		return dialInproc(a.Rest)
	}
	d := net.Dialer{KeepAlive: -1} // set by conn
	if a.network == "unix" {
		return raised(d.DialContext(ctx, "unix", a.Path))
	}
	d.Control = prepareDial
	nc, err := raised(d.DialContext(ctx, "tcp", net.JoinHostPort(a.Host, strconv.Itoa(a.Port))))
	if err == nil && toItself(nc) {
		_ = nc.(*net.TCPConn).SetLinger(0) // leaves nothing behind
		_ = nc.Close()
		return nil, fmt.Errorf("no program listens at %s: the connection led to itself", a.Text)
	}
	return nc, err
}

// raised moves a connection away from the standard streams.
func raised(nc net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return fds.RaiseConn(nc)
}

// dialHook lets a test choose the port that a connection comes from.
var dialHook atomic.Pointer[func(fd int)]

// prepareDial sets SO_REUSEADDR, so that others that set it as well can bind to the port
// that a connection comes from. The kernel chooses that port from a range that servers use
// too: without this, an outgoing connection could keep the very address that it retries to
// reach from being bound.
func prepareDial(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		reuseAddress(int(fd))
		if hook := dialHook.Load(); hook != nil {
			(*hook)(int(fd))
		}
	})
}

// toItself reports a connection whose two ends are one socket. TCP makes one where no
// program listens and the kernel chooses the port that is connected to ("simultaneous
// open", RFC 9293, 3.5).
func toItself(nc net.Conn) bool {
	here, ok := nc.LocalAddr().(*net.TCPAddr)
	there, also := nc.RemoteAddr().(*net.TCPAddr)
	return ok && also && here.Port == there.Port && here.IP.Equal(there.IP)
}

// local resolves the host of an address to bind to: the IP address, and the network to
// listen on. Only [::] listens to both families.
func (a endpoint) local() (network, host string, err error) {
	if a.Host == "*" {
		return "tcp4", "0.0.0.0", nil
	}
	ip, err := netip.ParseAddr(a.Host)
	if err != nil {
		if ip, err = interfaceAddr(a.Host); err != nil {
			return "tcp", a.Host, nil // a name to look up
		}
	}
	switch {
	case ip.Is4():
		return "tcp4", ip.String(), nil
	case ip.IsUnspecified():
		return "tcp", ip.String(), nil
	}
	return "tcp6", ip.String(), nil
}

// interfaceAddr is the first address of a network interface, IPv4 preferred.
func interfaceAddr(name string) (netip.Addr, error) {
	dev, err := net.InterfaceByName(name)
	if err != nil {
		return netip.Addr{}, err
	}
	all, err := dev.Addrs()
	if err != nil {
		return netip.Addr{}, err
	}
	var found netip.Addr
	for _, each := range all {
		prefix, err := netip.ParsePrefix(each.String())
		if err != nil {
			continue
		}
		ip := prefix.Addr()
		if ip.Is6() && ip.IsLinkLocalUnicast() {
			ip = ip.WithZone(name)
		}
		if ip.Is4() {
			return ip, nil
		}
		if !found.IsValid() {
			found = ip
		}
	}
	if !found.IsValid() {
		return found, fmt.Errorf("interface %s has no address", name)
	}
	return found, nil
}
