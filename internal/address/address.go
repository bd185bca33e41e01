// Package address parses the addresses that a socket binds or connects to, of every transport
// that a carrier may serve, and explains what is wrong with a malformed one.
//
// It is the only package that knows the syntax. What it refuses is malformed for every
// carrier; what it accepts a carrier may still not support, or not be able to reach. It
// resolves no names, connects to nothing and binds nothing, and has no state and no locks.
//
//	tcp://host:port        zmtp and libzmq; host is *, an interface, a name or an IP
//	tcp://source;host:port libzmq only, to connect
//	tls://host:port        zmtp only: TLS 1.3 over tcp
//	ipc://path             zmtp and libzmq; @name is abstract, * is any file
//	fd://number            zmtp only, to bind: a socket that listens already, which the program
//	                       was started with; tls+fd://number is one for TLS
//	inproc://name          zmtp and libzmq, which do not meet each other
//	ws, wss                host:port or host:port/path; libzmq only, as are all that follow
//	pgm, epgm, norm        interface;group:port
//	tipc                   {type,instance}, {type,lower,upper} or <reference>
//
// With "plain+" in front, as in plain+tcp://host:port, no security mechanism is used at an
// address, whatever keys its component has. It is the same place with the prefix and without.
package address

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// Address is a parsed address.
type Address struct {
	Text      string // as it was given
	Plain     bool   // it was given with the prefix plain+
	Transport string // "tcp", "ipc", ...
	Source    string // of tcp: the part before a ';', or ""
	Host      string // of tcp, tls, ws, wss: "*", an interface, a name, or an IP without brackets
	Port      int    // of tcp, tls, ws, wss; 0 is any
	Path      string // of ipc: "*" is any, a leading '@' is the abstract name space
	FD        int    // of fd, tls+fd: the descriptor
	Rest      string // everything behind "://"
}

// plainPrefix is what an address without a security mechanism begins with.
const plainPrefix = "plain+"

// Bare is an address without the prefix plain+.
func Bare(text string) string { return strings.TrimPrefix(text, plainPrefix) }

// IsPlain reports whether an address begins with plain+.
func IsPlain(text string) bool { return strings.HasPrefix(text, plainPrefix) }

// Prefixed is an address with the prefix plain+, if plain says so.
func Prefixed(bare string, plain bool) string {
	if plain {
		return plainPrefix + bare
	}
	return bare
}

// maxShown is how much of an address an error text repeats, in bytes.
const maxShown = 256

func bad(text, format string, args ...any) error {
	if len(text) > maxShown {
		text = text[:maxShown] + "..."
	}
	return fmt.Errorf("%w %q: %w", carrier.ErrAddress, text, fmt.Errorf(format, args...))
}

// Parse parses an address. Its errors are carrier.ErrAddress.
func Parse(text string) (Address, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case text == "":
		return Address{}, bad(text, "it is empty; an address looks like tcp://127.0.0.1:6000")
	case !ok || scheme == "":
		return Address{}, bad(text, "the transport is missing, as in tcp://127.0.0.1:6000")
	}
	scheme, plain := strings.CutPrefix(scheme, plainPrefix)
	a := Address{Text: text, Plain: plain, Transport: scheme, Rest: rest}
	parse, known := transports[scheme]
	switch {
	case plain && scheme == "":
		return a, bad(text, "the transport is missing, as in plain+tcp://127.0.0.1:6000")
	case plain && (scheme == "tls" || scheme == "wss" || scheme == "tls+fd"):
		return a, bad(text, "%s is encrypted, so plain+ contradicts it; remove one of the two", scheme)
	case !known && transports[strings.ToLower(scheme)] != nil:
		return a, bad(text, "the transport is written %s", strings.ToLower(scheme))
	case !known:
		return a, bad(text, "there is no transport %q; there are tcp, tls, ipc, fd, tls+fd, inproc, ws, wss, pgm, epgm, norm and tipc", scheme)
	case strings.IndexByte(rest, 0) >= 0:
		return a, bad(text, "it contains a NUL")
	}
	return a, parse(&a)
}

var transports = map[string]func(*Address) error{
	"tcp":    (*Address).parseTCP,
	"tls":    (*Address).parseTLS,
	"ipc":    (*Address).parseIPC,
	"fd":     (*Address).parseFD,
	"tls+fd": (*Address).parseFD,
	"inproc": (*Address).parseInproc,
	"ws":     (*Address).parseWeb,
	"wss":    (*Address).parseWeb,
	"pgm":    (*Address).parseGroup,
	"epgm":   (*Address).parseGroup,
	"norm":   (*Address).parseGroup,
	"tipc":   (*Address).parseTIPC,
	"udp":    (*Address).parseUDP,
}

func (a *Address) parseTCP() error {
	place := a.Rest
	if source, target, two := strings.Cut(place, ";"); two {
		if _, _, err := hostPort(a.Text, source); err != nil {
			return err
		}
		a.Source, place = source, target
	}
	var err error
	a.Host, a.Port, err = hostPort(a.Text, place)
	return err
}

func (a *Address) parseTLS() error {
	var err error
	a.Host, a.Port, err = hostPort(a.Text, a.Rest)
	return err
}

func (a *Address) parseWeb() error {
	place, _, _ := strings.Cut(a.Rest, "/")
	var err error
	a.Host, a.Port, err = hostPort(a.Text, place)
	return err
}

// MaxPath is how long the path of an ipc address may be, in bytes.
const MaxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

func (a *Address) parseIPC() error {
	a.Path = a.Rest
	switch {
	case a.Path == "" || a.Path == "@":
		return bad(a.Text, "the path is missing, as in ipc:///run/hermes.sock")
	case strings.HasSuffix(a.Path, "/") && !a.Abstract():
		return bad(a.Text, "the path names a directory, and not a socket in it")
	}
	if len(a.Path) > MaxPath {
		return bad(a.Text, "the path has %d bytes, and %d are the most that a socket's may have: %w", len(a.Path), MaxPath, syscall.ENAMETOOLONG)
	}
	return nil
}

// maxFD bounds the number of a descriptor: the kernel's own limit (fs.nr_open) is below it.
const maxFD = 1<<31 - 1

func (a *Address) parseFD() error {
	n, err := strconv.ParseUint(a.Rest, 10, 31)
	switch {
	case a.Rest == "":
		return bad(a.Text, "the number of the descriptor is missing, as in %s://3", a.Transport)
	case err != nil || n > maxFD:
		return bad(a.Text, "%s is no number of a descriptor, as in %s://3", shown(a.Rest), a.Transport)
	case n < 3:
		return bad(a.Text, "descriptors 0 to 2 are the standard streams; sockets that a program inherits begin at 3")
	}
	a.FD = int(n)
	return nil
}

func (a *Address) parseInproc() error {
	if a.Rest == "" {
		return bad(a.Text, "the name is missing, as in inproc://feed")
	}
	return nil
}

func (a *Address) parseGroup() error {
	colon := strings.LastIndexByte(a.Rest, ':')
	if colon < 0 {
		return bad(a.Text, "the port is missing, as in %s://eth0;239.192.1.1:5555", a.Transport)
	}
	if a.Rest[:colon] == "" || strings.HasSuffix(a.Rest[:colon], ";") {
		return bad(a.Text, "the group is missing, as in %s://eth0;239.192.1.1:5555", a.Transport)
	}
	n, err := port(a.Text, a.Rest[colon+1:])
	if err == nil && n == 0 {
		return bad(a.Text, "the port of a group is a number from 1 to 65535")
	}
	return err
}

// isTIPCName reports whether a text is {type,instance}, {type,lower,upper}, either perhaps with @zone.cluster.node, or
// an address in angle brackets.
func isTIPCName(text string) bool {
	if inner, ok := inside(text, "<", ">"); ok {
		return inner != "" && !strings.ContainsAny(inner, "\t\n\f\r ")
	}
	name, node, placed := strings.Cut(text, "@")
	numbers, ok := inside(name, "{", "}")
	return ok && (isNumbers(numbers, ",", 2) || isNumbers(numbers, ",", 3)) && (!placed || isNumbers(node, ".", 3))
}

// inside is what stands between two characters.
func inside(text, opening, closing string) (inner string, ok bool) {
	if inner, ok = strings.CutPrefix(text, opening); !ok {
		return "", false
	}
	return strings.CutSuffix(inner, closing)
}

// isNumbers reports whether a text is so many numbers.
func isNumbers(text, separator string, count int) bool {
	parts := strings.Split(text, separator)
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return len(parts) == count
}

func (a *Address) parseTIPC() error {
	if !isTIPCName(a.Rest) {
		return bad(a.Text, "a TIPC address looks like tipc://{5560,0} or tipc://{5560,0,0}")
	}
	return nil
}

func (a *Address) parseUDP() error {
	return bad(a.Text, "ZeroMQ publishes nothing over udp; use tcp, or pgm for multicast")
}

// hostPort splits host:port.
func hostPort(text, place string) (host string, number int, err error) {
	colon := strings.LastIndexByte(place, ':')
	if colon < 0 || strings.HasSuffix(place, "]") {
		return "", 0, bad(text, "the port is missing, as in tcp://127.0.0.1:6000")
	}
	if number, err = port(text, place[colon+1:]); err != nil {
		return "", 0, err
	}
	host, err = checkHost(text, place[:colon])
	return host, number, err
}

// port parses a port; "*" is 0, which is any.
func port(text, digits string) (int, error) {
	switch digits {
	case "":
		return 0, bad(text, "the port is missing, as in tcp://127.0.0.1:6000")
	case "*":
		return 0, nil
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0, bad(text, "%s is no port, which is a number from 1 to 65535, or * to bind any", shown(digits))
	}
	return int(n), nil
}

// shown is a part of an address for an error text, quoted if it has unusual characters.
func shown(part string) string {
	if len(part) > 80 || strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Sprintf("%.80q", part)
	}
	return part
}

// checkHost removes the brackets of an IPv6 address and refuses what cannot be a host.
func checkHost(text, host string) (string, error) {
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") {
		inner = inner[:len(inner)-1]
		if _, err := netip.ParseAddr(inner); err != nil {
			return "", bad(text, "%s in brackets is no IPv6 address", shown(inner))
		}
		return inner, nil
	}
	switch {
	case host == "":
		return "", bad(text, "the host is missing, as in tcp://127.0.0.1:6000")
	case host == "*":
		return host, nil
	case strings.Count(host, ":") > 1 && !strings.ContainsAny(host, "[]/"):
		return "", bad(text, "an IPv6 address stands in brackets, as in tcp://[::1]:6000")
	}
	if strings.ContainsAny(host, "[]:/@?#\\*,<>{}\"'`|^=&%;!$()+~") ||
		strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd }) {
		return "", bad(text, "%s is no host", shown(host))
	}
	if strings.Trim(host, "0123456789.") == "" {
		if _, err := netip.ParseAddr(host); err != nil {
			return "", bad(text, "%s is no IPv4 address", shown(host))
		}
		return host, nil
	}
	return host, checkName(text, host)
}

// checkName checks the limits of DNS (RFC 1035, 2.3.4).
func checkName(text, host string) error {
	name := strings.TrimSuffix(host, ".")
	if len(name) > 253 {
		return bad(text, "the name of the host has %d bytes, and 253 are the most", len(name))
	}
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return bad(text, "%s is no host", shown(host))
		case len(label) > 63:
			return bad(text, "a part of the host's name has %d bytes, and 63 are the most", len(label))
		}
	}
	return nil
}

// Abstract reports a Unix socket in the abstract name space, which has no file.
func (a *Address) Abstract() bool { return strings.HasPrefix(a.Path, "@") }

// OfUnix reports an inherited socket of the Unix domain, which may have a file.
func (a *Address) OfUnix() bool {
	if a.Transport != "fd" && a.Transport != "tls+fd" {
		return false
	}
	return isUnixSocket(a.FD)
}

// Bindable reports why a well-formed address cannot be bound, or nil.
func (a *Address) Bindable() error {
	if a.Source != "" {
		return bad(a.Text, "a source address, before the semicolon, is for connecting")
	}
	return nil
}

// Connectable reports why a well-formed address cannot be connected to, or nil.
func (a *Address) Connectable() error {
	if a.Transport == "fd" || a.Transport == "tls+fd" {
		return bad(a.Text, "a socket that listens can be bound, but not connected to")
	}
	host := a.Transport == "tcp" || a.Transport == "tls" || a.Transport == "ws" || a.Transport == "wss"
	switch {
	case a.Host == "*" || a.Path == "*":
		return bad(a.Text, "* stands for any address, which can be bound, but not connected to")
	case host && a.Port == 0:
		return bad(a.Text, "the port is missing: * and 0 stand for any, which can be bound, but not connected to")
	}
	return nil
}

// Key is the same for addresses that lead to the same socket, as far as that is known without
// resolving names; the prefix plain+ makes no difference. It is "" for an address that is another one each time, such as tcp://*:*.
func (a *Address) Key(bind bool) string {
	switch a.Transport {
	case "tcp", "tls", "ws", "wss":
		if a.Port == 0 {
			return ""
		}
		path := ""
		if a.Transport == "ws" || a.Transport == "wss" {
			_, path, _ = strings.Cut(a.Rest, "/")
		}
		return fmt.Sprintf("%s://%s;%s:%d/%s", a.Transport, a.Source, canonicalHost(a.Host, bind), a.Port, path)
	case "fd", "tls+fd":
		return fmt.Sprintf("fd://%d", a.FD)
	case "ipc":
		if a.Path == "*" {
			return ""
		}
		if there := *a; there.Resolve() == nil {
			return "ipc://" + filepath.Clean(there.Path)
		}
	}
	return Bare(a.Text)
}

// LeadsTo reports that connecting to a on this machine reaches what is bound at b, as far as
// that is known without resolving names.
func (a *Address) LeadsTo(b Address) bool {
	if a.Key(false) == b.Key(false) {
		return true
	}
	if a.Transport != b.Transport || a.Transport != "tcp" && a.Transport != "tls" || a.Port != b.Port {
		return false
	}
	any, err := netip.ParseAddr(canonicalHost(b.Host, true))
	if err != nil || !any.IsUnspecified() {
		return false
	}
	host, err := netip.ParseAddr(canonicalHost(a.Host, false))
	return err == nil && isOwn(host)
}

// isOwn reports an IP address of this machine.
func isOwn(host netip.Addr) bool {
	if host.IsLoopback() {
		return true
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, each := range all {
		if prefix, err := netip.ParsePrefix(each.String()); err == nil && prefix.Addr().Unmap() == host.WithZone("") {
			return true
		}
	}
	return false
}

// Exposed reports whether programs of other machines reach what is bound at a, with nothing but
// its component's keys between: not at a loopback address, and not over ipc. Multicast, which
// reaches others by design and has no listener, is not counted.
func (a *Address) Exposed() bool {
	if a.Transport != "tcp" && a.Transport != "ws" {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(a.Host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return !ip.Unmap().IsLoopback()
	}
	return host != "localhost"
}

// Resolve makes a relative path of ipc absolute, from the present working directory, so that
// a later change of that does not matter. Text stays as it was given.
func (a *Address) Resolve() error {
	if a.Transport != "ipc" || a.Path == "*" || a.Abstract() || filepath.IsAbs(a.Path) {
		return nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return bad(a.Text, "the working directory, in which the path begins, is unknown: %w", err)
	}
	path := strings.TrimSuffix(dir, "/") + "/" + a.Path // not cleaned: what ".." means depends on symbolic links
	a.Path = path
	if len(path) > MaxPath {
		return bad(a.Text, "the path, which is %s, has %d bytes, and %d are the most that a socket's may have: %w",
			path, len(path), MaxPath, syscall.ENAMETOOLONG)
	}
	return nil
}

// canonicalHost is the same for all spellings of a host.
func canonicalHost(host string, bind bool) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	switch {
	case bind && host == "*":
		host = "0.0.0.0"
	case !bind && (host == "localhost" || host == "0.0.0.0"):
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if !bind && ip == netip.IPv6Unspecified() {
		ip = netip.IPv6Loopback()
	}
	return ip.Unmap().String()
}
