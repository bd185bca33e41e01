package core

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hermes-zmq/hermes/internal/address"
)

// addresses is where a socket binds and where it connects.
type addresses struct {
	bind, connect []string
}

func (a addresses) all() []string { return append(a.bind[:len(a.bind):len(a.bind)], a.connect...) }

// parseAddresses reads addresses separated by commas. An '@' in front binds an
// address and a '>' connects to it, whatever the socket would do by itself. What is
// named twice is meant once: everything would be sent, or received, twice.
func parseAddresses(text string, binds bool) (a addresses, err error) {
	var known []string
	for _, part := range splitAddresses(text) {
		part = strings.TrimSpace(part)
		bind := binds
		if rest, ok := strings.CutPrefix(part, "@"); ok {
			part, bind = rest, true
		} else if rest, ok := strings.CutPrefix(part, ">"); ok {
			part, bind = rest, false
		}
		if part == "" && strings.TrimSpace(text) != "" {
			return addresses{}, errorf(EADDRESS, "bad address %.256q: one of the addresses in it is empty; several are separated by single commas", text)
		}
		key, err := checkAddress(part, bind)
		switch {
		case err != nil:
			return addresses{}, err
		case key != "" && slices.Contains(known, key):
			continue
		case bind:
			a.bind = append(a.bind, part)
		default:
			a.connect = append(a.connect, part)
		}
		known = append(known, key)
	}
	return a, nil
}

// splitAddresses splits at commas, but for those in the braces of a TIPC address.
func splitAddresses(text string) (parts []string) {
	from, depth := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			depth = max(0, depth-1)
		case ',':
			if depth == 0 {
				parts = append(parts, text[from:i])
				from = i + 1
			}
		}
	}
	return append(parts, text[from:])
}

// checkAddress refuses what is no address to bind, or to connect to. Of two that are
// the same place the keys are equal; that of a new place each time is "".
func checkAddress(text string, bind bool) (key string, err error) {
	if !utf8.ValidString(text) {
		return "", errorf(EUTF8, "address %q is not UTF-8", text)
	}
	if strings.ContainsRune(text, 0) {
		return "", errorf(EADDRESS, "%q is not an address: there is a NUL in it", text)
	}
	a, err := address.Parse(text)
	switch {
	case err != nil:
	case bind:
		err = a.Bindable()
	default:
		err = a.Connectable()
	}
	if err != nil {
		return "", errorf(EADDRESS, "%w", err)
	}
	if key = a.Key(bind); key != "" && bind {
		key = "@" + key
	}
	return key, nil
}

// sameAs is the first of the addresses to connect to that leads to one of the endpoints
// that are bound here, as far as the addresses show it; or "".
func sameAs(connect, endpoints []string) string {
	for _, text := range connect {
		to, err := address.Parse(text)
		if err != nil {
			continue
		}
		for _, endpoint := range endpoints {
			if at, err := address.Parse(endpoint); err == nil && to.LeadsTo(at) {
				return text
			}
		}
	}
	return ""
}

// checkName refuses the names that no component may have.
func checkName(kind, name string) error {
	if name == "" {
		return errorf(EINVAL, "a %s needs a name", kind)
	}
	if !utf8.ValidString(name) {
		return errorf(EUTF8, "the name %q of a %s is not UTF-8", name, kind)
	}
	if strings.ContainsRune(name, 0) { // where C would see its end
		return errorf(EINVAL, "the name %q of a %s has a NUL in it", name, kind)
	}
	return nil
}
