package address

import (
	"strings"
	"unicode/utf8"

	"github.com/hermes-zmq/hermes/internal/errs"
)

// List is where a socket binds and where it connects.
type List struct{ Bind, Connect []string }

// All gives both, those to bind first.
func (l List) All() []string { return append(l.Bind[:len(l.Bind):len(l.Bind)], l.Connect...) }

// Split gives each path of several its own list: each address that is connected to is one,
// and all that is bound is another.
func (l List) Split() (out []List) {
	for _, c := range l.Connect {
		out = append(out, List{Connect: []string{c}})
	}
	if len(l.Bind) > 0 {
		out = append(out, List{Bind: l.Bind})
	}
	return out
}

// ParseList reads addresses separated by commas. An '@' in front binds an
// address and a '>' connects to it, whatever the socket would do by itself. What is
// named twice is meant once: everything would be sent, or received, twice. It cannot be meant
// with the prefix plain+ and without: one of the two would be the wrong one to ignore.
func ParseList(text string, binds bool) (l List, err error) {
	known := map[string]bool{} // by Key: whether it has the prefix plain+
	for _, part := range splitList(text) {
		part = strings.TrimSpace(part)
		bind := binds
		if rest, ok := strings.CutPrefix(part, "@"); ok {
			part, bind = rest, true
		} else if rest, ok := strings.CutPrefix(part, ">"); ok {
			part, bind = rest, false
		}
		if part == "" && strings.TrimSpace(text) != "" {
			return List{}, errs.Errorf(errs.EADDRESS, "bad address %.256q: one of the addresses in it is empty; several are separated by single commas", text)
		}
		key, plain, err := check(part, bind)
		before, twice := known[key]
		switch {
		case err != nil:
			return List{}, err
		case key != "" && twice && before != plain:
			return List{}, errs.Errorf(errs.EADDRESS, "bad address %q: it is given with plain+ and without, and can be only one of the two", part)
		case key != "" && twice:
			continue
		case bind:
			l.Bind = append(l.Bind, part)
		default:
			l.Connect = append(l.Connect, part)
		}
		known[key] = plain
	}
	return l, nil
}

// splitList splits at commas, but for those in the braces of a TIPC address.
func splitList(text string) (parts []string) {
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

// check refuses what is no address to bind, or to connect to. Of two that are
// the same place the keys are equal; that of a new place each time is "". plain reports the
// prefix plain+.
func check(text string, bind bool) (key string, plain bool, err error) {
	if !utf8.ValidString(text) {
		return "", false, errs.Errorf(errs.EUTF8, "address %q is not UTF-8", text)
	}
	if strings.ContainsRune(text, 0) {
		return "", false, errs.Errorf(errs.EADDRESS, "%q is not an address: there is a NUL in it", text)
	}
	a, err := Parse(text)
	switch {
	case err != nil:
	case bind:
		err = a.Bindable()
	default:
		err = a.Connectable()
	}
	if err != nil {
		return "", false, errs.Errorf(errs.EADDRESS, "%w", err)
	}
	if key = a.Key(bind); key != "" && bind {
		key = "@" + key
	}
	return key, a.Plain, nil
}

// SameAs is the first of the addresses to connect to that leads to one of the endpoints
// that are bound here, as far as the addresses show it; or "".
func SameAs(connect, endpoints []string) string {
	for _, text := range connect {
		to, err := Parse(text)
		if err != nil {
			continue
		}
		for _, endpoint := range endpoints {
			if at, err := Parse(endpoint); err == nil && to.LeadsTo(at) {
				return text
			}
		}
	}
	return ""
}
