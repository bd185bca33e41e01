package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

// newContextCommand keeps targets under names, for all commands that talk to a post office.
func newContextCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "context COMMAND",
		Short:   "keep addresses and keys of post offices under names",
		GroupID: groupSetUp,
		Long: `A context is a post office under a name: its addresses, and the options that it takes to be let in, such as
keys. Commands that talk to a post office take it by --context NAME or the environment variable HERMES_CONTEXT;
without both, and without an address, they take the one that hermes context use has chosen.

Contexts are files for their owner alone, $XDG_CONFIG_HOME/hermes/contexts/NAME.toml (without XDG_CONFIG_HOME,
in ~/.config).`,
	}
	c.AddCommand(newContextSet(std), newContextShow(std), newContextList(std), newContextRemove(), newContextUse())
	return c
}

func newContextSet(std streams) *cobra.Command {
	var in, out, http string
	var unset []string
	c := &cobra.Command{
		Use:   "set [flags] NAME",
		Short: "make a context, or change what is given",
		Example: "hermes context set lab --in tcp://127.0.0.1:6000 --out tcp://127.0.0.1:6001\n" +
			"hermes context set lab --http http://127.0.0.1:9600 --set heartbeat.interval=1s",
	}
	c.Flags().StringVar(&in, "in", "", "`address` for publishers")
	c.Flags().StringVar(&out, "out", "", "`address` for receivers")
	c.Flags().StringVar(&http, "http", "", "`URL` of the HTTP server of the post office, which hermes doctor asks whether it is ready")
	c.Flags().StringArrayVar(&unset, "unset", nil, "forget an option, by its `key`; may be repeated")
	options := addSettings(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		name, err := oneName(args)
		if err != nil {
			return err
		}
		kept, err := readContext(name)
		var missing usageError
		if err != nil && (!errors.As(err, &missing) || !contextName.MatchString(name)) {
			return err
		}
		for flag, to := range map[string]*string{"in": &kept.In, "out": &kept.Out, "http": &kept.HTTP} {
			if value := c.Flags().Lookup(flag); value.Changed {
				*to = value.Value.String()
			}
		}
		if err := kept.change(*options, unset); err != nil {
			return err
		}
		if err := kept.check(name); err != nil {
			return err
		}
		if err := kept.write(name); err != nil {
			return err
		}
		fmt.Fprintf(std.err, "context %s is kept\n", name)
		return nil
	}
	return c
}

// change sets options and forgets others. Paths that exist are made absolute, because a context is
// used in other folders.
func (c *contextFile) change(set settings, unset []string) error {
	if c.Options == nil {
		c.Options = map[string]string{}
	}
	for _, key := range unset {
		if _, is := c.Options[key]; !is {
			return usageError{fmt.Sprintf("the context has no option %q to forget", key)}
		}
		delete(c.Options, key)
	}
	for _, s := range set {
		parts := strings.Split(s.value, ",")
		for i, part := range parts {
			if _, err := os.Stat(part); err == nil && isPathOption(s.key) {
				if whole, err := filepath.Abs(part); err == nil {
					parts[i] = whole
				}
			}
		}
		c.Options[s.key] = strings.Join(parts, ",")
	}
	return nil
}

// isPathOption tells whether the value of an option may be the path of a file.
func isPathOption(key string) bool {
	for _, prefix := range []string{"curve.", "tls.", "policy", "audit."} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// check refuses what no command could use.
func (c contextFile) check(name string) error {
	t := target{context: name, in: c.In, out: c.Out, kept: c.settings()}
	if c.In == "" && c.Out == "" {
		return usageError{"a context needs --in ADDRESS, where publishers connect, or --out ADDRESS, where receivers do"}
	}
	if c.HTTP != "" {
		if u, err := url.Parse(c.HTTP); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return usageError{fmt.Sprintf("--http %q is no URL; write it as http://127.0.0.1:9600", c.HTTP)}
		}
	}
	for key := range c.Options {
		if !slices.ContainsFunc(kinds[:2], func(kind string) bool { return hasOption(kind, key) }) {
			return usageError{fmt.Sprintf("neither a publisher nor a receiver has an option %q; hermes options receiver lists those of one", key)}
		}
	}
	if c.In != "" {
		p, err := t.publisher("hermes-context")
		if err != nil {
			return err
		}
		_ = p.Close()
	}
	if c.Out != "" {
		r, err := t.receiver("hermes-context")
		if err != nil {
			return err
		}
		_ = r.Close()
	}
	return nil
}

func hasOption(kind, key string) bool {
	list, err := optionsOf(kind)
	return err == nil && slices.ContainsFunc(list, func(o core.Option) bool { return o.Key == key })
}

// oneName is the only argument of a command.
func oneName(args []string) (string, error) {
	if len(args) != 1 {
		return "", usageError{"takes the name of one context"}
	}
	return args[0], nil
}

// contextRecord is a context as show and ls print it.
type contextRecord struct {
	Name string `json:"name"`
	contextFile
	Used bool `json:"used"` // without --context and HERMES_CONTEXT
}

func newContextShow(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "show [flags] [NAME]",
		Short: "print a context; without a name the one in use",
		Example: "hermes context set lab --in tcp://127.0.0.1:6000 --out tcp://127.0.0.1:6001\n" +
			"hermes context show lab",
		ValidArgsFunction: completeContexts,
	}
	p := addPrinter(c, std)
	c.RunE = func(_ *cobra.Command, args []string) error {
		name, err := chosenContext("")
		if len(args) > 0 {
			name, err = oneName(args)
		}
		if err == nil && name == "" {
			err = usageError{"no context is in use; name one"}
		}
		if err != nil {
			return err
		}
		kept, err := readContext(name)
		if err != nil {
			return err
		}
		record := contextRecord{Name: name, contextFile: kept}
		if used, err := usedContext(); err == nil {
			record.Used = used == name
		}
		if !p.asTable() {
			return p.line(record)
		}
		rows := []row{{cells: []string{"name", name}}, {cells: []string{"in", kept.In}}, {cells: []string{"out", kept.Out}}, {cells: []string{"http", kept.HTTP}}}
		for _, s := range kept.settings() {
			rows = append(rows, row{cells: []string{s.key, s.value}})
		}
		return p.print(table{rows: rows})
	}
	return c
}

func newContextList(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "ls [flags]",
		Short:   "list all contexts",
		Example: "hermes context ls --json",
	}
	p := addPrinter(c, std)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{"takes no arguments"}
		}
		names, err := contextNames()
		if err != nil {
			return err
		}
		used, err := usedContext()
		if err != nil {
			return err
		}
		all := table{columns: []string{"", "NAME", "IN", "OUT", "HTTP"}}
		for _, name := range names {
			kept, err := readContext(name)
			if err != nil {
				fmt.Fprintf(std.err, "%v\n", err)
				continue
			}
			mark := map[bool]string{true: "*"}[name == used]
			all.rows = append(all.rows, row{
				cells: []string{mark, name, kept.In, kept.Out, kept.HTTP},
				value: contextRecord{Name: name, contextFile: kept, Used: name == used},
			})
		}
		return p.print(all)
	}
	return c
}

func newContextRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "remove a context",
		Example: "hermes context set old --out tcp://127.0.0.1:6001\n" +
			"hermes context rm old",
		ValidArgsFunction: completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			name, err := oneName(args)
			if err != nil {
				return err
			}
			return removeContext(name)
		},
	}
}

func newContextUse() *cobra.Command {
	var none bool
	c := &cobra.Command{
		Use:   "use [flags] [NAME]",
		Short: "choose the context of commands that name none and have no address",
		Example: "hermes context set lab --in tcp://127.0.0.1:6000 --out tcp://127.0.0.1:6001\n" +
			"hermes context use lab",
		ValidArgsFunction: completeContexts,
	}
	c.Flags().BoolVar(&none, "none", false, "choose none")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if none && len(args) == 0 {
			return useContext("")
		}
		name, err := oneName(args)
		if err != nil || none {
			return usageError{"takes the name of one context, or --none"}
		}
		if _, err := readContext(name); err != nil {
			return err
		}
		return useContext(name)
	}
	return c
}

// completeContexts completes the name of a context.
func completeContexts(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _ := contextNames()
	return names, cobra.ShellCompDirectiveNoFileComp
}
