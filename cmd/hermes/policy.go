package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/internal/policy"
)

// newPolicyCommand checks a policy, or asks it whether a user may do something.
func newPolicyCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "policy COMMAND",
		Short:   "check a policy, or ask it what a user may do",
		GroupID: groupSetUp,
	}
	check := &cobra.Command{
		Use:   "check [flags] FILE",
		Short: "print all that is wrong in a policy, one problem a line, or how many users it has",
		Example: `cat >policy.toml <<END
[users.desk]
names = ["desk"]
[[allow]]
users = ["desk"]
subscribe = ["ticks"]
END
hermes policy check policy.toml`,
	}
	checked := addJSON(check, std)
	check.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{"takes one file"}
		}
		return checkPolicy(std, checked, args[0])
	}
	var origin string
	test := &cobra.Command{
		Use:   "test [flags] FILE USER pub|sub TOPIC",
		Short: "print whether a user may publish or receive a topic, and the line of the policy that says so",
		Long: `Prints whether a user may publish or receive a topic, and the line of the policy that says so.
The exit code is 0 where it is allowed, and 4 where it is refused.`,
		Example: `printf '[users.desk]\nnames = ["desk"]\n[[allow]]\nusers = ["desk"]\nsubscribe = ["ticks"]\n' >policy.toml
hermes policy test policy.toml desk sub ticks/EURUSD
hermes policy test policy.toml desk pub ticks/EURUSD || echo "exit code $?"`,
	}
	tested := addJSON(test, std)
	test.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) != 4 {
			return usageError{"takes a file, a user, pub or sub, and a topic"}
		}
		return testPolicy(tested, args, origin)
	}
	test.Flags().StringVar(&origin, "origin", "", "publish in the name of `NAME` (default the user's)")
	c.AddCommand(check, test)
	return c
}

// policyLine is what policy check found, in JSON.
type policyLine struct {
	File     string   `json:"file"`
	Valid    bool     `json:"valid"`
	Users    int      `json:"users"`
	Problems []string `json:"problems"`
}

// checkPolicy prints all that is wrong in a policy, one problem a line, or how many users it has.
func checkPolicy(std streams, print *printer, path string) error {
	p, err := policy.Load(path)
	var wrong *policy.Problems
	switch {
	case errors.As(err, &wrong) && print.json:
		return cmp.Or(print.line(policyLine{File: path, Problems: wrong.Lines()}), error(exit(exitError)))
	case wrong != nil:
		fmt.Fprintln(std.err, strings.Join(wrong.Lines(), "\n"))
		return exit(exitError)
	case err != nil:
		return err
	}
	return print.words(fmt.Sprintf("%s is valid; users: %d", path, len(p.Users())), policyLine{path, true, len(p.Users()), []string{}})
}

// verdictLine is what policy test found, in JSON.
type verdictLine struct {
	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason"`
}

// testPolicy prints a verdict, and the line that it comes from.
func testPolicy(print *printer, args []string, origin string) error {
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
		return usageError{fmt.Sprintf("takes pub or sub, and not %q", args[2])}
	}
	if !verdict.Allowed {
		text := u.Refusal(verb, topic, verdict)
		return cmp.Or(print.words("refused: "+text, verdictLine{false, text}), error(exit(exitRefused)))
	}
	return print.words("allowed: "+verdict.Reason(), verdictLine{true, verdict.Reason()})
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
