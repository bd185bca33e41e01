package core

import (
	"strings"
	"unicode/utf8"
)

// addresses is where a socket binds and where it connects.
type addresses struct {
	bind, connect []string
}

func (a addresses) all() []string { return append(a.bind[:len(a.bind):len(a.bind)], a.connect...) }

// parseAddresses reads addresses separated by commas. An '@' in front binds an
// address and a '>' connects to it, whatever the socket would do by itself.
func parseAddresses(text string, binds bool) (a addresses, err error) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		bind := binds
		if rest, ok := strings.CutPrefix(part, "@"); ok {
			part, bind = rest, true
		} else if rest, ok := strings.CutPrefix(part, ">"); ok {
			part, bind = rest, false
		}
		if err := checkAddress(part); err != nil {
			return addresses{}, err
		}
		if bind {
			a.bind = append(a.bind, part)
		} else {
			a.connect = append(a.connect, part)
		}
	}
	return a, nil
}

func checkAddress(a string) error {
	if !utf8.ValidString(a) {
		return errorf(EUTF8, "address %q is not UTF-8", a)
	}
	scheme, place, ok := strings.Cut(a, "://")
	if !ok || scheme == "" || place == "" {
		return errorf(EADDRESS, "%q is not an address: it should look like tcp://127.0.0.1:6000", a)
	}
	switch scheme {
	case "tcp", "ipc", "inproc", "pgm", "epgm", "tipc", "norm", "ws", "wss", "udp":
		return nil
	}
	return errorf(EADDRESS, "%q is not an address: there is no transport %q", a, scheme)
}

// checkName refuses the names that no part may have.
func checkName(kind, name string) error {
	if name == "" {
		return errorf(EINVAL, "a %s needs a name", kind)
	}
	if !utf8.ValidString(name) {
		return errorf(EUTF8, "the name %q of a %s is not UTF-8", name, kind)
	}
	return nil
}
