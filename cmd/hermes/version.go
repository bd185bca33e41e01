package main

import (
	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

func newVersionCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "print the version, as does hermes --version",
		GroupID: groupSetUp,
		Example: "hermes version",
	}
	p := addJSON(c, std)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{"takes no arguments"}
		}
		return p.words(core.Version, map[string]string{"version": core.Version})
	}
	return c
}
