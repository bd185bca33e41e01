package main

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

// side is one of the two addresses of a post office.
type side string

const (
	sideIn  side = "in"  // publishers connect to it
	sideOut side = "out" // receivers connect to it
)

// who connects to a side.
func (s side) who() string {
	return map[side]string{sideIn: "publishers", sideOut: "receivers"}[s]
}

// target is the post office that a command talks to. In this order:
//
//   - addresses in the arguments: as many as the command needs sides, before all other arguments;
//   - the context of --context, whose addresses those in the arguments replace;
//   - without both, the context of the environment variable HERMES_CONTEXT;
//   - without that, the one that `hermes context use` has chosen.
//
// Options of --set go before those of the context.
type target struct {
	in, out, http string
	given         []string // the addresses in the arguments
	timeout       time.Duration

	sides    []side
	context  string // as named by --context, then the one that is used
	settings *settings
	kept     settings // of the context
}

// addTarget declares the flags of a command that talks to a post office: --context and --set.
// Shells complete its arguments as addresses and topics. Its addresses are resolved for the sides that it needs; a command with no sides takes addresses
// of either, any number of them.
func addTarget(c *cobra.Command, sides ...side) *target {
	t := &target{sides: sides}
	f := c.Flags()
	f.StringVar(&t.context, "context", "", "the post office that is kept under this `name` (hermes context); without it and without an address, that of HERMES_CONTEXT, or the one in use")
	_ = c.RegisterFlagCompletionFunc("context", completeContexts)
	t.settings = addSettings(f)
	c.ValidArgsFunction = t.complete
	return t
}

// addTimeout declares --timeout; 0 has no limit.
func (t *target) addTimeout(c *cobra.Command, standard time.Duration, what string) {
	c.Flags().DurationVar(&t.timeout, "timeout", standard, what)
}

// isAddress matches an argument that is an address, or a list of them.
var isAddress = regexp.MustCompile(`^(plain\+)?[a-z][a-z0-9]*://`)

// resolve finds the post office, and returns the arguments behind its addresses. Its errors are
// usageErrors.
func (t *target) resolve(args []string) (rest []string, err error) {
	if t.timeout < 0 {
		return nil, usageError{"--timeout cannot be negative"}
	}
	needed, n := len(t.sides), 0
	for n < len(args) && (needed == 0 || n < needed) && isAddress.MatchString(args[n]) {
		n++
	}
	all := n > 0 && (needed == 0 || n == needed)
	name := t.context
	if !all {
		if name, err = chosenContext(name); err != nil {
			return nil, err
		}
	}
	switch {
	case name == "" && !all && (needed == 0 || len(args) < needed), name != "" && n > 0 && !all:
		return nil, usageError{t.missing()}
	case name == "": // what looks like no address is explained when it is used
		n = max(n, needed)
	default:
		if err := t.load(name); err != nil {
			return nil, err
		}
	}
	t.given = args[:n]
	for i, s := range t.sides {
		if n > 0 {
			*t.of(s) = args[i]
		}
		if *t.of(s) == "" {
			return nil, usageError{fmt.Sprintf("the context %q has no address for %s; hermes context set %s --%s ADDRESS adds it", name, s.who(), name, s)}
		}
	}
	return args[n:], nil
}

// missing is the text about a command line without addresses.
func (t *target) missing() string {
	if len(t.sides) == 2 {
		return fmt.Sprintf("takes two addresses, for %s and for %s, or --context NAME", t.sides[0].who(), t.sides[1].who())
	}
	return "takes an address, or --context NAME"
}

// of is the address of a side.
func (t *target) of(s side) *string {
	if s == sideIn {
		return &t.in
	}
	return &t.out
}

// chosenContext is the name of the context that a command takes: name where it has one.
func chosenContext(name string) (string, error) {
	if name = cmp.Or(name, os.Getenv(contextVariable)); name != "" {
		return name, nil
	}
	return usedContext()
}

// load takes over what a context keeps.
func (t *target) load(name string) error {
	c, err := readContext(name)
	if err != nil {
		return err
	}
	t.context, t.in, t.out, t.http, t.kept = name, c.In, c.Out, c.HTTP, c.settings()
	return nil
}

// apply sets the options of the context, as far as the component has them, and those of --set.
// A command with a component of each side skips for one what only the other has.
func (t *target) apply(component core.Component) error {
	has := func(s setting) bool {
		return slices.ContainsFunc(component.Options(), func(o core.Option) bool { return o.Key == s.key })
	}
	for _, s := range t.kept {
		if !has(s) {
			continue
		}
		if err := component.Set(s.key, s.value); err != nil {
			return fmt.Errorf("context %q: %w", t.context, err)
		}
	}
	if t.settings == nil {
		return nil
	}
	for _, s := range *t.settings {
		elsewhere := len(t.sides) != 1 && (hasOption("publisher", s.key) || hasOption("receiver", s.key))
		if !has(s) && elsewhere {
			continue
		}
		if err := component.Set(s.key, s.value); err != nil {
			return err
		}
	}
	return nil
}

// receiver makes a receiver at the post office; it is not started. An error blames the command line.
func (t *target) receiver(name string) (*core.Receiver, error) {
	return t.receiverAt(t.out, name)
}

// receiverAt makes a receiver at an address of either side, as a command without sides has them.
func (t *target) receiverAt(address, name string) (*core.Receiver, error) {
	r, err := core.NewReceiver(address, name)
	if err != nil {
		return nil, blame(err)
	}
	if err := t.apply(r); err != nil {
		_ = r.Close()
		return nil, blame(err)
	}
	return r, nil
}

// publisher makes a publisher at the post office; it is not started. An error blames the command line.
func (t *target) publisher(name string) (*core.Publisher, error) {
	return t.publisherAt(t.in, name)
}

// publisherAt makes a publisher at an address of either side.
func (t *target) publisherAt(address, name string) (*core.Publisher, error) {
	p, err := core.NewPublisher(address, name)
	if err != nil {
		return nil, blame(err)
	}
	if err := t.apply(p); err != nil {
		_ = p.Close()
		return nil, blame(err)
	}
	return p, nil
}
