package policy

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit/policymodel"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// frameOf is the frame of a topic, a string.
func frameOf(topic string) []byte {
	frame, err := wire.AppendString(nil, topic)
	if err != nil {
		panic(err)
	}
	return frame
}

// Any bytes may be subscribed to, and any bytes come as a topic frame.
func FuzzNarrow(f *testing.F) {
	for i, prefix := range []string{"", `"`, `"a`, `"a/`, `"\u00`, `"\ud83d`, `"\ud83d\ude`, `"\u0061/`, ` "a`, `"a"`, `"a" `, "5", "5 ", "[1", `["a/b`, "tr", "\"\xc3", `"\`, `"a\/`} {
		f.Add(uint64(i), []byte(prefix), "a/b", []byte(`"a/b"`))
		f.Add(uint64(i+100), []byte(prefix), "a/é/😀", []byte(`["a/b/5"]`))
	}
	f.Fuzz(func(t *testing.T, seed uint64, subscription []byte, topic string, strange []byte) {
		m := policymodel.Random(rand.New(rand.NewPCG(seed, 0)))
		p, err := Parse("p", "", []byte(m.String()))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range p.Users() {
			u := p.User(name)
			grants, v := u.Narrow(subscription)
			if v.Allowed != (len(grants) > 0) {
				t.Fatalf("%+v, %s", v, grants)
			}
			for _, g := range grants {
				if !bytes.HasPrefix(g.Prefix, subscription) {
					t.Fatalf("%s is wider", g)
				}
			}
			if frame, err := wire.AppendString(nil, topic); err == nil {
				allowed, _ := m.Ask(name, topic, nil)
				if want := allowed && bytes.HasPrefix(frame, subscription); passes(u, grants, frame) != want {
					t.Fatalf("%s, %q: %q passes: %v, grants %s\n%s", name, subscription, frame, !want, grants, m.String())
				}
			}
			if wire.Valid(strange) && passes(u, grants, strange) {
				allowed, _ := m.Ask(name, string(wire.Text(strange, nil)), nil)
				if !allowed || !bytes.HasPrefix(strange, subscription) {
					t.Fatalf("%s, %q: %q passes, grants %s\n%s", name, subscription, strange, grants, m.String())
				}
			}
		}
	})
}

// A user with many patterns gets few grants: it may subscribe often.
func TestGrantsAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("[users.a]\nuids = [1]\n[[allow]]\nusers = [\"a\"]\nsubscribe = [\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "\"%d/%d/a\", \"b/%d\", \"[%d\",\n", i%100, i/100, i, i)
	}
	b.WriteString("]\n[[deny]]\nusers = [\"a\"]\nsubscribe = [\"b/777\", \"*/5/b\"]\n")
	p, err := Parse("p", "", []byte(b.String()))
	require.NoError(t, err)
	u := p.User("a")
	for _, subscription := range []string{"", `"`, `"b/`, `"1`, `"b/77`, "[", ` "`, `"b/777`, `"c`} {
		grants, _ := u.Narrow([]byte(subscription))
		require.LessOrEqual(t, len(grants), 4*maxSteps, subscription)
		for _, topic := range []string{"b/1", "b/77", "b/777", "b/7777/x", "1/2/a", "1/5/a", "1/5/b", "17/2", "[5", "b", "c"} {
			frame := frameOf(topic)
			want := u.Subscribe(topic).Allowed && bytes.HasPrefix(frame, []byte(subscription))
			require.Equal(t, want, passes(u, grants, frame), "%s: %s of %s", subscription, topic, grants)
		}
	}
	for _, strange := range []string{" ", "\n\"", `"\u0062/77`, `"\u0062\/`, `"b/77\u0037`} {
		grants, _ := u.Narrow([]byte(strange))
		require.Equal(t, []Grant{{[]byte(strange), false}}, grants)
	}
	grants, _ := u.Narrow([]byte(`"b/77`))
	require.Contains(t, grants, Grant{[]byte(`"b/778/`), true}, "few are told apart")
	grants, _ = u.Narrow([]byte(`"b/`))
	require.Equal(t, []Grant{{[]byte(`"b/`), false}}, grants)
}

func BenchmarkNarrow(b *testing.B) {
	p, err := Parse("policy.toml", "", big())
	if err != nil {
		b.Fatal(err)
	}
	u := p.User("user-1")
	for b.Loop() {
		u.Narrow([]byte(`"ticks/12/`))
	}
}
