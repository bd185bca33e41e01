package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

func newVersionCommand(std streams) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version, as does hermes --version",
		GroupID: groupSetUp,
		Example: "hermes version",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{"takes no arguments"}
			}
			_, err := fmt.Fprintln(std.out, core.Version)
			return err
		},
	}
}
