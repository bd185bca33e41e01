package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// TestScripts runs the files of testdata/script:
//
//	policy                     reads a policy, and prints what is wrong in it
//	pub user=U topic=T [origin=O]
//	sub user=U topic=T
//	narrow user=U              of each line of the input, a prefix of frames
//	identify address=A ...     prints the user
//
// In a script, ~ stands for an empty text.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/script", func(t *testing.T, path string) {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "clients"), 0o700))
		for name, key := range testKeys {
			file := filepath.Join(dir, "clients", name+".key")
			require.NoError(t, os.WriteFile(file, []byte("curve\n    public-key = \""+key+"\"\n"), 0o600))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "empty.key"), nil, 0o600))
		var p *Policy
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "policy" {
				return readScript(&p, dir, d.Input)
			}
			return ask(t, p, d)
		})
	})
}

var testKeys = map[string]string{
	"desk-1": "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
	"desk-2": "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
}

func readScript(p **Policy, dir, text string) string {
	got, err := Parse("policy.toml", dir, []byte(text))
	var wrong *Problems
	switch {
	case errors.As(err, &wrong):
		return strings.ReplaceAll(strings.Join(wrong.Lines(), "\n"), dir, "DIR")
	case err != nil:
		return err.Error()
	}
	*p = got
	return "users: " + strings.Join(got.Users(), " ")
}

func arg(d *datadriven.TestData, key string) string {
	for _, a := range d.CmdArgs {
		if a.Key == key {
			if text := strings.Join(a.Vals, ","); text != "~" {
				return text
			}
		}
	}
	return ""
}

func ask(t *testing.T, p *Policy, d *datadriven.TestData) string {
	u := p.User(arg(d, "user"))
	if d.Cmd != "identify" {
		require.NotNil(t, u, d.Pos)
	}
	switch d.Cmd {
	case "pub":
		origin := u.Name()
		if d.HasArg("origin") {
			origin = arg(d, "origin")
		}
		return verdictText(u, "publish", arg(d, "topic"), u.Publish(arg(d, "topic"), origin))
	case "sub":
		return verdictText(u, "subscribe to", arg(d, "topic"), u.Subscribe(arg(d, "topic")))
	case "narrow":
		var out strings.Builder
		for _, line := range strings.Split(d.Input, "\n") {
			grants, v := u.Narrow([]byte(strings.Trim(line, "'")))
			fmt.Fprintf(&out, "%s: %s\n", line, v.Reason())
			for _, g := range grants {
				fmt.Fprintf(&out, "  '%s' %s\n", g.Prefix, map[bool]string{true: "whole", false: "check"}[g.Whole])
			}
		}
		return out.String()
	case "identify":
		i := Identity{Address: arg(d, "address"), Key: testKeys[arg(d, "key")], Fingerprint: arg(d, "print")}
		if d.HasArg("names") {
			i.Names = strings.Split(arg(d, "names"), ",")
		}
		if i.Local = d.HasArg("uid"); i.Local {
			d.ScanArgs(t, "uid", &i.UID)
		}
		name := "no user"
		if u := p.Identify(i); u != nil {
			name = "user " + u.Name()
		}
		return i.String() + ": " + name
	}
	return "no command " + d.Cmd
}

func verdictText(u *User, verb, topic string, v Verdict) string {
	if v.Allowed {
		return "allowed: " + v.Reason()
	}
	return u.Refusal(verb, topic, v)
}
