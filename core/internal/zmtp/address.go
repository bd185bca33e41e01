package zmtp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/hermes-zmq/hermes/core/internal/carrier"
)

// address is an endpoint taken apart.
type address struct {
	text    string // as it was given
	network string // "tcp" or "unix"
	host    string // of tcp: "*", an interface, a name or an IP without brackets
	port    int    // of tcp; 0 is any
	path    string // of unix; "*" is any, a leading '@' means the abstract name space
}

func badAddress(text, why string) error {
	return fmt.Errorf("%w %q: %s", carrier.ErrAddress, text, why)
}

// parseAddress understands tcp://host:port and ipc://path as libzmq does.
func parseAddress(text string) (address, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return address{}, badAddress(text, "it has no transport, as in tcp://127.0.0.1:6000")
	}
	switch scheme {
	case "tcp":
		return parseTCP(text, rest)
	case "ipc":
		return parseIPC(text, rest)
	}
	return address{}, fmt.Errorf("%w: transport %q of %q", carrier.ErrUnsupported, scheme, text)
}

func parseTCP(text, rest string) (address, error) {
	a := address{text: text, network: "tcp"}
	if strings.Contains(rest, ";") {
		return a, fmt.Errorf("%w: a source address, as in %q", carrier.ErrUnsupported, text)
	}
	colon := strings.LastIndexByte(rest, ':')
	if colon < 0 {
		return a, badAddress(text, "it has no port")
	}
	port := rest[colon+1:]
	a.host = rest[:colon]
	if port != "*" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return a, badAddress(text, "its port is not a number from 0 to 65535")
		}
		a.port = int(n)
	}
	if strings.HasPrefix(a.host, "[") && strings.HasSuffix(a.host, "]") {
		a.host = a.host[1 : len(a.host)-1]
		if _, err := netip.ParseAddr(a.host); err != nil {
			return a, badAddress(text, "what stands in brackets is no IPv6 address")
		}
	} else if strings.ContainsAny(a.host, "[]:/") {
		return a, badAddress(text, "its host is malformed; an IPv6 address needs brackets")
	}
	if a.host == "" {
		return a, badAddress(text, "it has no host")
	}
	return a, nil
}

func parseIPC(text, rest string) (address, error) {
	a := address{text: text, network: "unix", path: rest}
	if rest == "" || rest == "@" {
		return a, badAddress(text, "it has no path")
	}
	if strings.IndexByte(rest, 0) >= 0 {
		return a, badAddress(text, "its path holds a NUL")
	}
	if limit := len(syscall.RawSockaddrUnix{}.Path) - 1; len(rest) > limit {
		return a, fmt.Errorf("%w: its path is longer than %d bytes: %w", badAddress(text, "too long"), limit, syscall.ENAMETOOLONG)
	}
	return a, nil
}

// abstract reports a name that lives in no file system.
func (a address) abstract() bool { return strings.HasPrefix(a.path, "@") }

// dialable tells why the address cannot be connected to, or nil.
func (a address) dialable() error {
	switch {
	case a.host == "*" || a.path == "*":
		return badAddress(a.text, "a wildcard can be bound only")
	case a.network == "tcp" && a.port == 0:
		return badAddress(a.text, "it has no port to connect to")
	}
	return nil
}

// dial connects.
func (a address) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	d.KeepAlive = -1 // set by conn
	if a.network == "unix" {
		return d.DialContext(ctx, "unix", a.path)
	}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(a.host, strconv.Itoa(a.port)))
}

// local resolves the host of an address to bind to: what it stands for, and the
// network to listen on. Only [::] listens to both families.
func (a address) local() (network, host string, err error) {
	if a.host == "*" {
		return "tcp4", "0.0.0.0", nil
	}
	ip, err := netip.ParseAddr(a.host)
	if err != nil {
		if ip, err = interfaceAddr(a.host); err != nil {
			return "tcp", a.host, nil // a name to look up
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
