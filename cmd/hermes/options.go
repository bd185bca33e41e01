package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

// newOptionsCommand lists the options of one kind of component, or of all kinds in Markdown, for
// docs/configuration.md.
func newOptionsCommand(std streams) *cobra.Command {
	return &cobra.Command{
		Use:     "options publisher|receiver|postoffice",
		Short:   "list the options that --set takes",
		Example: "hermes options receiver",
		GroupID: groupSetUp,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{"takes one kind of component: publisher, receiver or postoffice"}
			}
			return printOptions(std, args[0])
		},
		ValidArgs: kinds,
	}
}

func printOptions(std streams, kind string) error {
	if kind == "markdown" {
		return markdown(std.out)
	}
	list, err := optionsOf(kind)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(std.out, 0, 4, 2, ' ', 0)
	for _, o := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\n", o.Key, o.Default, o.Usage)
	}
	return w.Flush()
}

// kinds are the components that have options, in the order of the documentation.
var kinds = []string{"publisher", "receiver", "postoffice"}

func optionsOf(kind string) ([]core.Option, error) {
	var component core.Component
	var err error
	const anywhere = "tcp://127.0.0.1:6000" // nothing is started
	switch kind {
	case "publisher":
		component, err = core.NewPublisher(anywhere, kind)
	case "receiver":
		component, err = core.NewReceiver(anywhere, kind)
	case "postoffice":
		component, err = core.NewPostOffice(anywhere, anywhere, "")
	default:
		return nil, usageError{fmt.Sprintf("no kind %q; the kinds are publisher, receiver and postoffice", kind)}
	}
	if err != nil {
		return nil, err
	}
	defer component.Close()
	return component.Options(), nil
}

// markdown writes the tables of all kinds.
func markdown(out io.Writer) error {
	var b strings.Builder
	for _, kind := range kinds {
		list, err := optionsOf(kind)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "## %s\n\n| option | default | when | meaning |\n|---|---|---|---|\n", kind)
		for _, o := range list {
			when := "before the start"
			if o.Live {
				when = "any time"
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", o.Key, o.Default, when, strings.ReplaceAll(o.Usage, "|", "\\|"))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(out, b.String())
	return err
}
