package main

import (
	"context"
	"fmt"

	"github.com/hermes-zmq/hermes/internal/curve"
)

// key makes keys for CURVE, and shows public ones.
func key(_ context.Context, std streams, args []string) error {
	f := bareFlags("key")
	if err := f.parse(args); err != nil {
		return err
	}
	if f.NArg() != 2 {
		return usageError{"takes new or show, and a name or a file"}
	}
	switch f.Arg(0) {
	case "new":
		return newKey(std, f.Arg(1))
	case "show":
		return showKey(std, f.Arg(1))
	}
	return usageError{fmt.Sprintf("takes new or show, and not %q", f.Arg(0))}
}

// newKey writes NAME.key and NAME.key_secret, and prints the public key.
func newKey(std streams, name string) error {
	pair, err := curve.Generate()
	if err != nil {
		return err
	}
	public, secret, err := pair.WriteFiles(name)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.err, "wrote %s, for others, and %s, for this end alone\n", public, secret)
	_, err = fmt.Fprintln(std.out, pair.Public)
	return err
}

// showKey prints the public key in a file; of a secret key without one it is computed.
func showKey(std streams, path string) error {
	public, err := curve.ReadPublicFile(path)
	if err != nil {
		pair, failed := curve.ReadSecretFile(path)
		if failed != nil {
			return err
		}
		public = pair.Public
	}
	_, err = fmt.Fprintln(std.out, public)
	return err
}
