package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The groups under which `hermes help` lists the commands: each has one of them as its GroupID.
const (
	groupMessages = "messages" // what publishes, receives, records
	groupLook     = "look"     // what shows a cluster, and says what is wrong in it
	groupServe    = "serve"    // what runs day and night
	groupSetUp    = "setup"    // what makes keys, checks policies, explains
)

// newRoot makes the tree of all commands. Nothing is shared between two trees.
func newRoot(std streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "hermes COMMAND",
		Short: "the tool of an operator of hermes",
		Long: `hermes runs a post office, publishes, prints envelopes as they pass, and shows what goes on in a cluster.

Data goes to standard output: a table on a terminal, else JSON, one object a line. Messages for people go to
standard error. Flags may stand anywhere after the command; after -- everything is an argument.`,
		SilenceErrors:     true, // run prints them
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE:              noCommand,
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError{err} })
	root.AddGroup(
		&cobra.Group{ID: groupMessages, Title: "Messages"},
		&cobra.Group{ID: groupLook, Title: "What goes on"},
		&cobra.Group{ID: groupServe, Title: "Services"},
		&cobra.Group{ID: groupSetUp, Title: "Setting up"},
	)
	root.AddCommand(children(std)...)
	root.SetHelpCommand(newHelpCommand(std))
	for _, c := range allCommands(root) {
		if c.HasSubCommands() && c != root {
			c.Args, c.RunE = cobra.ArbitraryArgs, noCommand
		}
		c.DisableFlagsInUseLine = true // Use says where they stand
		c.SuggestionsMinimumDistance = 2
		c.Flags().SortFlags = false
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Usage = "explain this command"
	}
	return root
}

// children are the commands that stand right after "hermes", by name.
func children(std streams) []*cobra.Command {
	return []*cobra.Command{
		newAuditCommand(std),
		newBenchCommand(std),
		newBwCommand(std),
		newCheckCommand(std),
		newCompletionCommand(std),
		newConfigCommand(std),
		newContextCommand(std),
		newDelayCommand(std),
		newDocsCommand(std),
		newDoctorCommand(std),
		newErrorsCommand(std),
		newHzCommand(std),
		newKeyCommand(std),
		newLogCommand(std),
		newOptionsCommand(std),
		newPeersCommand(std),
		newPingCommand(std),
		newPlayCommand(std),
		newPolicyCommand(std),
		newPostOfficeCommand(std),
		newPubCommand(std),
		newRecordCommand(std),
		newSubCommand(std),
		newTopCommand(std),
		newTopicsCommand(std),
		newVersionCommand(std),
	}
}

// allCommands are a command and all below it.
func allCommands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, child := range c.Commands() {
		all = append(all, allCommands(child)...)
	}
	return all
}

// run is main without the process around it; it returns the exit code. It ends early, with
// exitOK, when ctx is done.
func run(ctx context.Context, std streams, args []string) int {
	std = std.forCommand(ctx)
	defer std.finish()
	root := newRoot(std)
	args = asCommand(args)
	root.SetArgs(args)
	var unwritten error
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { unwritten = explain(std.out, c) })
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = unwritten
	}
	var bad flagError
	if errors.As(err, &bad) {
		err = usageError{advice(c, args, bad)}
	}
	return exitCode(std, c, err)
}

// asCommand turns the flags that stand for commands into those.
func asCommand(args []string) []string {
	if len(args) == 0 {
		return []string{}
	}
	word := args[0]
	switch word {
	case "-h", "-help", "--help":
		word = "help"
	case "--version":
		word = "version"
	}
	args = append([]string{word}, args[1:]...)
	if word == "errors" { // a code, which begins with a dash, is no flag
		for i, arg := range args {
			if aValue.MatchString(arg) {
				args[i] = arg[1:]
			}
		}
	}
	return args
}

// noCommand is what a command does that has others below it, and none of them is named.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 && !c.HasParent() {
		_ = explain(c.ErrOrStderr(), c)
		return exit(exitUsage)
	}
	if len(args) == 0 {
		return usageError{"takes " + enumerate(c)}
	}
	return unknownCommand(c, args[0])
}

// unknownCommand is the error of a word that stands where a command is expected.
func unknownCommand(c *cobra.Command, word string) error {
	text := fmt.Sprintf("no command %q", word)
	if near := c.SuggestionsFor(word); len(near) > 0 {
		return usageError{text + "; is it " + strings.Join(near, " or ") + "?"}
	}
	if c.HasParent() {
		return usageError{text + "; there is " + enumerate(c)}
	}
	return usageError{text + "; hermes help lists all"}
}

// enumerate lists the commands below one.
func enumerate(c *cobra.Command) string {
	var names []string
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// flagError is the error of flags that cannot be parsed.
type flagError struct{ error }

// aValue is an argument that begins with a dash and is JSON, such as -5; oneDash is the name
// of a long flag with one dash, which other programs take.
var (
	aValue  = regexp.MustCompile(`^-(\d|Infinity)`)
	oneDash = regexp.MustCompile(`^-([a-z]{2,})(=.*)?$`)
)

// advice is the text of a flagError, and what to do about it.
func advice(c *cobra.Command, args []string, err flagError) string {
	if !c.HasParent() && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		return unknownCommand(c, args[0]).Error()
	}
	text := err.Error()
	for _, arg := range args {
		if name := oneDash.FindStringSubmatch(arg); name != nil && c.Flags().Lookup(name[1]) != nil {
			return text + "; a flag has two dashes: --" + name[1]
		}
		if aValue.MatchString(arg) {
			return text + "; write -- before the arguments if one of them begins with a dash"
		}
	}
	if name, ok := strings.CutPrefix(text, "unknown flag: --"); ok {
		if like := flagLike(c, name); like != "" {
			return text + "; did you mean --" + like + "?"
		}
	}
	return text
}

// flagLike is the flag whose name is most like name; empty if none is.
func flagLike(c *cobra.Command, name string) (like string) {
	least := len(name)/3 + 1 // letters that differ
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if d := distance(name, f.Name); !f.Hidden && (d < least || d == least && like == "") {
			like, least = f.Name, d
		}
	})
	return like
}

// distance is how many letters have to be added, removed or changed to make one text of the other (V. I.
// Levenshtein, "Binary codes capable of correcting deletions, insertions and reversals", 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// explain prints what a command does, the commands below it, its examples and its flags.
func explain(w io.Writer, c *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s\n\n%s\n", c.UseLine(), about(c))
	for _, group := range c.Groups() {
		list(&b, c, group.Title+":", group.ID)
	}
	list(&b, c, "Commands:", "")
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", indent(c.Example))
	}
	if flags := c.LocalFlags(); flags.HasAvailableFlags() {
		text := strings.ReplaceAll(flags.FlagUsagesWrapped(100), boolean, strings.Repeat(" ", len(boolean)))
		b.WriteString("\nFlags:\n" + text)
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND lists the flags of a command, as does %s COMMAND --help.\n",
			strings.Replace(c.CommandPath(), "hermes", "hermes help", 1), c.CommandPath())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// boolean is what pflag writes behind a flag without a value.
const boolean = "[=true|false]"

// about is the longer text of a command, or its short one.
func about(c *cobra.Command) string {
	if c.Long != "" {
		return strings.TrimSpace(c.Long)
	}
	return c.Short
}

// list writes the commands of one group below a command.
func list(b *strings.Builder, c *cobra.Command, title, group string) {
	for _, child := range c.Commands() {
		if child.GroupID != group || !child.IsAvailableCommand() {
			continue
		}
		if title != "" {
			b.WriteString("\n" + title + "\n")
			title = ""
		}
		fmt.Fprintf(b, "  %-12s %s\n", child.Name(), child.Short)
	}
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

// newHelpCommand explains all commands, or one.
func newHelpCommand(std streams) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "explain a command, as does hermes COMMAND --help",
		GroupID: groupSetUp,
		Example: "hermes help sub",
		RunE: func(c *cobra.Command, args []string) error {
			found, rest, err := c.Root().Find(args)
			switch {
			case err != nil:
				return err
			case len(rest) > 0 && found == c.Root():
				return unknownCommand(found, rest[0])
			case len(rest) > 0 && found.HasSubCommands():
				return unknownCommand(found, rest[0])
			case len(rest) > 0:
				return usageError{"takes one command at most"}
			}
			return explain(std.out, found)
		},
	}
}
