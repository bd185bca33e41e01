package main

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hermes-zmq/hermes/core"
)

// annotationExample says in the Annotations of a command how its example ends.
const annotationExample = "example"

// untilInterrupted is the value for an example that is one command, which runs until it is
// interrupted and then ends with exitOK.
const untilInterrupted = "interrupt"

// commandDoc is what docs/command.md and the manual say of a command.
type commandDoc struct {
	Name     string       `json:"name"` // with those that it is below: hermes context set
	Usage    string       `json:"usage"`
	Short    string       `json:"short"`
	Long     string       `json:"long"`
	Example  string       `json:"example"`
	Ends     string       `json:"ends"` // how the example ends: "", or untilInterrupted
	Group    string       `json:"group"`
	Flags    []flagDoc    `json:"flags"`
	Commands []commandDoc `json:"commands"`
}

type flagDoc struct {
	Name      string `json:"name"`
	Shorthand string `json:"shorthand"`
	Value     string `json:"value"` // a word for it; "" where the flag takes none
	Default   string `json:"default"`
	Usage     string `json:"usage"`
}

// newDocsCommand prints the tree of commands for those who write the documentation:
// .ci/command_doc.py and .ci/man_pages.py.
func newDocsCommand(std streams) *cobra.Command {
	return &cobra.Command{
		Use:    "docs",
		Short:  "print all commands, their flags and examples as JSON",
		Hidden: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{"takes no arguments"}
			}
			e := json.NewEncoder(std.out)
			e.SetEscapeHTML(false)
			e.SetIndent("", " ")
			var groups []string
			for _, group := range c.Root().Groups() {
				groups = append(groups, group.Title)
			}
			return e.Encode(map[string]any{"version": core.Version, "exit_codes": exitCodes, "exit_note": exitNote,
				"groups": groups, "command": documented(c.Root())})
		},
	}
}

// documented is a command and all below it.
func documented(c *cobra.Command) commandDoc {
	d := commandDoc{
		Name: c.CommandPath(), Usage: c.UseLine(), Short: c.Short, Long: strings.TrimSpace(c.Long),
		Example: strings.TrimSpace(c.Example), Ends: c.Annotations[annotationExample], Flags: []flagDoc{}, Commands: []commandDoc{},
	}
	if c.HasParent() {
		for _, group := range c.Parent().Groups() {
			if group.ID == c.GroupID {
				d.Group = group.Title
			}
		}
	}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		d.Flags = append(d.Flags, flagDoc{Name: f.Name, Shorthand: f.Shorthand, Value: value, Default: shownDefault(f), Usage: usage})
	})
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			d.Commands = append(d.Commands, documented(child))
		}
	}
	return d
}

// noDefault matches defaults that are the same as none.
var noDefault = regexp.MustCompile(`^(|0s?|false|\[\])$`)

func shownDefault(f *pflag.Flag) string {
	if noDefault.MatchString(f.DefValue) {
		return ""
	}
	return f.DefValue
}
