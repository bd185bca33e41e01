package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hermes-zmq/hermes/internal/policy"
)

// policyCommand checks a policy, or asks it whether a user may do something.
func policyCommand(_ context.Context, std streams, args []string) error {
	f := bareFlags("policy")
	origin := f.String("origin", "", "test: publish in the name of `NAME` (default the user's)")
	if err := f.parse(args); err != nil {
		return err
	}
	switch action := f.Arg(0); {
	case action == "check" && f.NArg() == 2 && !f.Changed("origin"):
		return checkPolicy(std, f.Arg(1))
	case action == "test" && f.NArg() == 5:
		return testPolicy(std, f.Args()[1:], *origin)
	case action == "check":
		return usageError{"check takes one file"}
	case action == "test":
		return usageError{"test takes a file, a user, pub or sub, and a topic"}
	}
	return usageError{"takes check or test"}
}

// checkPolicy prints all that is wrong in a policy, one problem a line, or how many users it has.
func checkPolicy(std streams, path string) error {
	p, err := policy.Load(path)
	var wrong *policy.Problems
	if errors.As(err, &wrong) {
		fmt.Fprintln(std.err, strings.Join(wrong.Lines(), "\n"))
		return exit(exitError)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "%s is valid; users: %d\n", path, len(p.Users()))
	return err
}

// testPolicy prints a verdict, and the line that it comes from.
func testPolicy(std streams, args []string, origin string) error {
	p, err := policy.Load(args[0])
	if err != nil {
		return err
	}
	u, topic := p.User(args[1]), args[3]
	if u == nil {
		return fmt.Errorf("%s has no user %q; %s", args[0], args[1], someUsers(p))
	}
	if origin == "" {
		origin = u.Name()
	}
	var verdict policy.Verdict
	var verb string
	switch args[2] {
	case "pub":
		verb, verdict = "publish", u.Publish(topic, origin)
	case "sub":
		verb, verdict = "subscribe to", u.Subscribe(topic)
	default:
		return usageError{fmt.Sprintf("test takes pub or sub, and not %q", args[2])}
	}
	if !verdict.Allowed {
		if _, err = fmt.Fprintln(std.out, "refused: "+u.Refusal(verb, topic, verdict)); err != nil {
			return err
		}
		return exit(exitRefused)
	}
	_, err = fmt.Fprintf(std.out, "allowed: %s\n", verdict.Reason())
	return err
}

// someUsers lists the users of a policy: a few.
func someUsers(p *policy.Policy) string {
	const most = 10
	names := p.Users()
	if n := len(names); n > most {
		return fmt.Sprintf("it has %s and %d more", strings.Join(names[:most], ", "), n-most)
	}
	return "it has " + strings.Join(names, ", ")
}
