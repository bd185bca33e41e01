package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPolicyIsLoadedFromItsFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rights.toml")
	_, err := Load(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "cannot read the policy")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.key"), []byte(testKeys["desk-1"]), 0o600))
	require.NoError(t, os.WriteFile(path, []byte("[users.a]\nkeys = [\"a.key\"]\n"), 0o600))
	p, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, "a", p.Identify(Identity{Key: testKeys["desk-1"]}).Name())
	require.Nil(t, p.User("b"))
	require.Equal(t, []string{"a"}, p.Users())
	require.Equal(t, "no rule of rights.toml allows it", p.User("a").Subscribe("x").Reason())
}

func TestADeviceIsNoPolicy(t *testing.T) {
	_, err := Load("/dev/zero")
	require.ErrorContains(t, err, "is not a file")
	_, err = Load(t.TempDir())
	require.ErrorContains(t, err, "cannot read the policy")
}

func TestAPolicyWithoutUsersIsWrong(t *testing.T) {
	for _, text := range []string{"", "# to be written\n", "[groups]\n"} {
		_, err := Parse("p", "", []byte(text))
		require.EqualError(t, err, "p, line 1: there is no user, so that no program could connect; write one as [users.NAME]")
	}
}

func TestProblemsAreOneLineTogether(t *testing.T) {
	_, err := Parse("p", "", []byte("a = 1\nb = 1\nc = 1\n"))
	require.EqualError(t, err, `p, line 1: a policy has no key "a"; its keys are users, groups, allow and deny (and 2 more: hermes policy check lists them)`)
	var wrong *Problems
	require.ErrorAs(t, err, &wrong)
	require.Len(t, wrong.Lines(), 3)
}

func TestATextThatIsNoPolicyIsRefused(t *testing.T) {
	for _, text := range []string{strings.Repeat("[", 1<<20), "a = " + strings.Repeat("[", 1<<20), strings.Repeat("{", 1<<20), "\x00", "\xff",
		"a." + strings.Repeat("a.", 1<<16) + "a = 1", strings.Repeat(" ", maxDocument+1),
		"[users.a]\nuids = [1]\n[[allow]]\nusers = [\"a\"]\nsubscribe = [\"" + strings.Repeat("a/", maxSegments+1) + "\"]"} {
		_, err := Parse("p", "", []byte(text))
		var wrong *Problems
		require.ErrorAs(t, err, &wrong)
		require.Less(t, len(wrong.Error()), 1000)
	}
}

// big is a policy of 1,000 users and 10,000 rules: of each user, of groups, of all.
func big() []byte {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "[users.user-%d]\nuids = [%d]\n", i, i)
	}
	b.WriteString("[groups]\n")
	for g := range 100 {
		fmt.Fprintf(&b, "group-%d = [", g)
		for i := range 50 {
			fmt.Fprintf(&b, "\"user-%d\", ", (g*10+i)%1000)
		}
		b.WriteString("]\n")
	}
	for i := range 10_000 {
		users := fmt.Sprint("user-", i%1000)
		switch {
		case i%10 == 0:
			users = "*"
		case i%3 == 0:
			users = fmt.Sprint("group-", i%100)
		}
		action := "allow"
		if i%7 == 0 {
			action = "deny"
		}
		fmt.Fprintf(&b, "[[%s]]\nusers = [%q]\npublish = [\"ticks/%d/*\"]\nsubscribe = [\"ticks/%d\", \"quotes/*/%d\"]\n", action, users, i, i, i)
	}
	return []byte(b.String())
}

// oneUser is a policy with a user that has n patterns.
func oneUser(t testing.TB, n int) *User {
	var b strings.Builder
	b.WriteString("[users.a]\nuids = [1]\n[[allow]]\nusers = [\"a\"]\npublish = [\n")
	for i := range n {
		fmt.Fprintf(&b, "\"%s/%d/%d\",\n", []string{"ticks", "quotes/*"}[i%2], i%100, i)
	}
	b.WriteString("]\n")
	p, err := Parse("policy.toml", "", []byte(b.String()))
	require.NoError(t, err)
	return p.User("a")
}

func BenchmarkParse(b *testing.B) {
	text := big()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse("policy.toml", "", text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstVerdict is a user's first verdict, which makes its trees.
func BenchmarkFirstVerdict(b *testing.B) {
	text := big()
	for b.Loop() {
		b.StopTimer()
		p, err := Parse("policy.toml", "", text)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		for i := range 100 {
			p.User(fmt.Sprint("user-", i)).Subscribe("ticks/1")
		}
	}
}

func FuzzParse(f *testing.F) {
	scripts, err := filepath.Glob("testdata/script/*")
	if err != nil || len(scripts) == 0 {
		f.Fatal("there are no scripts", err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\npolicy\n")[1:] {
			text, _, _ := strings.Cut(part, "----\n")
			f.Add([]byte(text))
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("p", dir, text)
		if err != nil {
			checkProblems(t, text, err)
			return
		}
		for _, name := range p.Users() {
			u := p.User(name)
			for _, topic := range []string{"", "ticks", "ticks/eur", "5", "["} {
				if v := u.Publish(topic, name); v.Allowed && (v.Line < 1 || v.cause != noRule) {
					t.Fatalf("%s: %+v", topic, v)
				}
				frame := frameOf(topic)
				v, whole := u.Subscribe(topic), u.SubscribeFrame(frame)
				if grants, _ := u.Narrow(frame); v != whole || v.Allowed != (len(grants) == 1 && grants[0].Whole) {
					t.Fatalf("%s: %+v, %+v, %s", topic, v, whole, grants)
				}
				grants, _ := u.Narrow(nil)
				if passes(u, grants, frame) != v.Allowed {
					t.Fatalf("%s: %+v, and %s", topic, v, grants)
				}
			}
		}
	})
}

func checkProblems(t *testing.T, text []byte, err error) {
	var wrong *Problems
	if !errors.As(err, &wrong) {
		t.Fatalf("it is not Problems: %v", err)
	}
	lines := 1 + strings.Count(string(text), "\n")
	for _, p := range wrong.all {
		if p.line < 1 || p.line > lines || strings.ContainsAny(p.text, "\n\r") {
			t.Fatalf("of %d lines: %q", lines, wrong.Lines())
		}
	}
}

func TestNamesOfCertificatesAreTheSameInASCIIOnly(t *testing.T) {
	p, err := Parse("policy.toml", "", []byte("[users.a]\nnames = [\"Desk-K\"]\n"))
	require.NoError(t, err)
	require.NotNil(t, p.Identify(Identity{Names: []string{"dESK-k"}}))
	require.Nil(t, p.Identify(Identity{Names: []string{"desk-\u212a"}}))
}
