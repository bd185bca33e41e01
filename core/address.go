package core

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hermes-zmq/hermes/core/internal/address"
	"github.com/hermes-zmq/hermes/core/internal/carrier"
)

// addresses is where a socket binds and where it connects.
type addresses struct {
	bind, connect []string
}

func (a addresses) all() []string { return append(a.bind[:len(a.bind):len(a.bind)], a.connect...) }

// parseAddresses reads addresses separated by commas. An '@' in front binds an
// address and a '>' connects to it, whatever the socket would do by itself.
func parseAddresses(text string, binds bool) (a addresses, err error) {
	for _, part := range splitAddresses(text) {
		part = strings.TrimSpace(part)
		bind := binds
		if rest, ok := strings.CutPrefix(part, "@"); ok {
			part, bind = rest, true
		} else if rest, ok := strings.CutPrefix(part, ">"); ok {
			part, bind = rest, false
		}
		if err := checkAddress(part, bind); err != nil {
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

func checkAddress(text string, bind bool) error {
	if !utf8.ValidString(text) {
		return errorf(EUTF8, "address %q is not UTF-8", text)
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
		return errorf(EADDRESS, "%w", err)
	}
	return nil
}

// atStart is a as it is meant now: relative paths begin at the present working
// directory, whatever that becomes later, and what is named twice is meant once.
func (a addresses) atStart() (addresses, error) {
	bind, err := meant(a.bind, true)
	if err != nil {
		return addresses{}, err
	}
	connect, err := meant(a.connect, false)
	return addresses{bind: bind, connect: connect}, err
}

func meant(texts []string, bind bool) (out []string, err error) {
	var known []string
	for _, text := range texts {
		a, err := address.Parse(text)
		if err == nil {
			err = absolute(&a)
		}
		if err != nil {
			return nil, err
		}
		key := a.Key(bind)
		if key != "" && slices.Contains(known, key) {
			continue
		}
		known = append(known, key)
		out = append(out, a.Text)
	}
	return out, nil
}

// absolute makes the path of an ipc address absolute.
func absolute(a *address.Address) error {
	if a.Transport != "ipc" || a.Path == "*" || a.Abstract() || strings.HasPrefix(a.Path, "/") {
		return nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("%w %q: the working directory, in which the path begins, is unknown: %w", carrier.ErrAddress, a.Text, err)
	}
	a.Path = strings.TrimSuffix(dir, "/") + "/" + a.Path
	a.Text = "ipc://" + a.Path
	return a.CheckLength()
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
