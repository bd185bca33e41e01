package main

import (
	"github.com/spf13/cobra"
)

func newPostOfficeCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "postoffice [flags]",
		Short: "relay between publishers and receivers, until interrupted",
		Long: `Relays between publishers and receivers, until interrupted. The first line on standard output is a JSON
object with the addresses, where the system has chosen the port of each that ends with :*. What happens is logged on
standard error.

Every flag can also stand in the file of --config and in the environment: --log-level debug is log-level = "debug"
there, and HERMES_LOG_LEVEL=debug here; --set queue.messages=1000 is queue.messages = 1000 below [set], and
HERMES_SET_QUEUE_MESSAGES=1000. A flag goes before the environment, and that before the file; hermes config explain
shows what is in effect, and why. On SIGHUP the file and the policy are read again. Run by systemd, it says when it is
ready, proves that it is alive, and takes sockets with the names publishers, subscribers and debug.`,
		Example:     "hermes postoffice --in tcp://127.0.0.1:6002 --out tcp://127.0.0.1:6003",
		Annotations: map[string]string{annotationExample: untilInterrupted},
		GroupID:     groupServe,
	}
	o := addPostOffice(c.Flags())
	c.Flags().Bool("json", false, "changes nothing: what it prints is JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{"takes flags only, not " + args[0]}
		}
		return postOffice(c.Context(), std, o)
	}
	return c
}
