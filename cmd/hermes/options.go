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
	c := &cobra.Command{
		Use:       "options publisher|receiver|postoffice",
		Short:     "list the options that --set takes",
		Example:   "hermes options receiver",
		GroupID:   groupSetUp,
		ValidArgs: kinds,
	}
	p := addJSON(c, std)
	c.Flags().Lookup("json").Usage = "print JSON, one object a line, in place of text"
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{"takes one kind of component: publisher, receiver or postoffice"}
		}
		return printOptions(p, args[0])
	}
	return c
}

// optionLine is an option in JSON.
type optionLine struct {
	Option  string `json:"option"`
	Default string `json:"default"`
	Live    bool   `json:"live"` // it can be set after the start
	Meaning string `json:"meaning"`
}

func printOptions(p *printer, kind string) error {
	if kind == "markdown" {
		return markdown(p.out)
	}
	list, err := optionsOf(kind)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	for _, o := range list {
		if p.json {
			if err := p.line(optionLine{o.Key, o.Default, o.Live, o.Usage}); err != nil {
				return err
			}
			continue
		}
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
