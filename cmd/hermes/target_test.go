package main

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// resolved is a target for sides, as a command line gives it.
func resolved(t *testing.T, args []string, sides ...side) (*target, []string, error) {
	t.Helper()
	c := &cobra.Command{}
	o := addTarget(c, sides...)
	require.NoError(t, c.Flags().Parse(args))
	rest, err := o.resolve(c.Flags().Args())
	return o, rest, err
}

func TestATargetIsAnAddressOrAContext(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	require.NoError(t, contextFile{In: "tcp://a:1", Out: "tcp://a:2", HTTP: "http://a:3"}.write("lab"))
	require.NoError(t, contextFile{Out: "tcp://b:2"}.write("half"))
	type sides = []side
	both, one, either := sides{sideIn, sideOut}, sides{sideOut}, sides{}
	for name, c := range map[string]struct {
		sides               sides
		args                []string
		variable, used      string
		in, out, http, says string
		rest, given         []string
	}{
		"address":                   {sides: one, args: []string{"tcp://x:1", "a/", "b/"}, out: "tcp://x:1", rest: []string{"a/", "b/"}, given: []string{"tcp://x:1"}},
		"two addresses":             {sides: both, args: []string{"tcp://x:1", "tcp://x:2", "a/"}, in: "tcp://x:1", out: "tcp://x:2", rest: []string{"a/"}, given: []string{"tcp://x:1", "tcp://x:2"}},
		"one of two":                {sides: both, args: []string{"tcp://x:1"}, says: "takes two addresses, for publishers and for receivers"},
		"one of two and a context":  {sides: both, args: []string{"tcp://x:1", "--context", "lab"}, says: "takes two addresses"},
		"none":                      {sides: one, says: "takes an address, or --context NAME"},
		"what looks like none":      {sides: one, args: []string{"nowhere"}, out: "nowhere", given: []string{"nowhere"}},
		"context":                   {sides: one, args: []string{"--context", "lab", "a/"}, in: "tcp://a:1", out: "tcp://a:2", http: "http://a:3", rest: []string{"a/"}},
		"context of both":           {sides: both, args: []string{"--context", "lab"}, in: "tcp://a:1", out: "tcp://a:2", http: "http://a:3"},
		"context at an address":     {sides: one, args: []string{"--context", "lab", "tcp://x:1"}, in: "tcp://a:1", out: "tcp://x:1", http: "http://a:3", given: []string{"tcp://x:1"}},
		"variable":                  {sides: one, args: []string{"a/"}, variable: "lab", used: "half", in: "tcp://a:1", out: "tcp://a:2", http: "http://a:3", rest: []string{"a/"}},
		"in use":                    {sides: one, used: "half", out: "tcp://b:2"},
		"an address goes before it": {sides: one, args: []string{"tcp://x:1"}, variable: "lab", used: "half", out: "tcp://x:1", given: []string{"tcp://x:1"}},
		"half a context":            {sides: both, used: "half", says: `the context "half" has no address for publishers; hermes context set half --in`},
		"unknown context":           {sides: one, args: []string{"--context", "nada"}, says: `there is no context "nada"`},
		"a path":                    {sides: one, args: []string{"--context", "../x"}, says: `"../x" cannot name a context`},
		"any number":                {sides: either, args: []string{"tcp://x:1", "ipc:///tmp/x", "a/"}, rest: []string{"a/"}, given: []string{"tcp://x:1", "ipc:///tmp/x"}},
		"any of a context":          {sides: either, args: []string{"--context", "lab", "a/"}, in: "tcp://a:1", out: "tcp://a:2", http: "http://a:3", rest: []string{"a/"}},
		"any of none":               {sides: either, args: []string{"a/"}, says: "takes an address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(contextVariable, c.variable)
			require.NoError(t, useContext(c.used))
			o, rest, err := resolved(t, c.args, c.sides...)
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				require.ErrorAs(t, err, new(usageError))
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{c.in, c.out, c.http}, []string{o.in, o.out, o.http})
			require.ElementsMatch(t, c.rest, rest)
			require.ElementsMatch(t, c.given, o.given)
		})
	}
}

func TestOptionsOfAContextAreSet(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	kept := contextFile{In: "tcp://a:1", Out: "tcp://a:2", Options: map[string]string{"timeout": "3s", "heartbeat.interval": "4s", "linger": "5s"}}
	require.NoError(t, kept.write("lab"))
	o, _, err := resolved(t, []string{"--context", "lab", "--set", "linger=6s"}, sideIn)
	require.NoError(t, err)
	p, err := o.publisher("p") // which has no timeout
	require.NoError(t, err)
	defer p.Close()
	for key, want := range map[string]string{"heartbeat.interval": "4s", "linger": "6s"} {
		got, err := p.Get(key)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, c := range []struct {
		sides []side
		fails bool
	}{{[]side{sideIn}, true}, {[]side{sideIn, sideOut}, false}} {
		o, _, err := resolved(t, []string{"--context", "lab", "--set", "timeout=6s"}, c.sides...)
		require.NoError(t, err)
		p, err := o.publisher("p")
		require.Equal(t, c.fails, err != nil, "where a receiver has it, a publisher need not")
		if err == nil {
			require.NoError(t, p.Close())
		}
	}
}
