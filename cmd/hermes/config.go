package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/config"
)

// newConfigCommand explains the settings of a post office.
func newConfigCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "config COMMAND",
		Short:   "explain the settings of a post office",
		GroupID: groupSetUp,
	}
	c.AddCommand(newConfigExplain(std))
	return c
}

func newConfigExplain(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "explain [flags] [KEY]",
		Short: "print each setting, its value in effect, and where that comes from",
		Long: `Prints the settings that hermes postoffice would have with the same flags, environment and file: each with its
value, where that comes from (a flag, an environment variable, a line of the file, the default), what it means, and whether
SIGHUP makes a change take effect. With KEY it prints one. Secrets are not shown.`,
		Example: "hermes config explain\nhermes config explain log-level --log-level debug\nhermes config explain queue.messages",
	}
	o := addPostOffice(c.Flags())
	p := addPrinter(c, std)
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var keys []string
		if loaded, err := o.load(); err == nil {
			for _, s := range loaded.Settings() {
				keys = append(keys, s.Key)
			}
		}
		return keys, cobra.ShellCompDirectiveNoFileComp
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usageError{"takes one setting at most"}
		}
		loaded, err := o.load()
		if err != nil {
			return err
		}
		for _, text := range loaded.Warnings {
			fmt.Fprintln(std.err, text)
		}
		if len(args) == 0 {
			return p.print(settingsTable(loaded.Settings()))
		}
		s, err := loaded.Setting(args[0])
		if err != nil {
			return usageError{err.Error()}
		}
		if !p.asTable() {
			return p.line(s.Masked())
		}
		return p.text(explained(s.Masked()))
	}
	return c
}

func settingsTable(all []config.Setting) table {
	t := table{columns: []string{"SETTING", "VALUE", "FROM", "ON SIGHUP"}}
	for _, s := range all {
		s = s.Masked()
		t.rows = append(t.rows, row{
			cells: []string{s.Key, s.Value, s.From.String(), onHangup(s)}, value: s, weak: s.From.Kind == config.FromDefault,
		})
	}
	return t
}

func onHangup(s config.Setting) string {
	if s.Live {
		return "takes effect"
	}
	return "needs a restart"
}

// explained is one setting, for people.
func explained(s config.Setting) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s = %q\n", s.Key, s.Value)
	for _, line := range [][2]string{
		{"from", s.From.String()}, {"default", fmt.Sprintf("%q", s.Default)}, {"flag", flagOf(s.Key)},
		{"variable", config.Variable(s.Key)}, {"on SIGHUP", "a change " + onHangup(s)}, {"meaning", s.Usage},
	} {
		fmt.Fprintf(&b, "  %-10s %s\n", line[0], line[1])
	}
	return b.String()
}

// flagOf is how a setting is written on the command line.
func flagOf(key string) string {
	if table, option, is := strings.Cut(key, "."); is {
		return "--" + table + " " + option + "=..."
	}
	return "--" + key
}
