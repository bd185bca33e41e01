package policy

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// casesVariable is how many questions TestVerdictsAreThoseOfTheModel asks.
const casesVariable = "HERMES_POLICY_CASES"

// questionsEach is how many questions one random policy is asked, of each kind.
const questionsEach = 40

// quickAnswers counts what is allowed at once.
var quickAnswers atomic.Int64

func cases(t testing.TB) int {
	text := os.Getenv(casesVariable)
	if text == "" {
		return 20_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, casesVariable)
	return n
}

func TestVerdictsAreThoseOfTheModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	allowed, asked := 0, 0
	for asked < cases(t) {
		m := randomModel(r)
		p, err := Parse("p", "", []byte(m.text.String()))
		require.NoError(t, err, "%s", m.text.String())
		for range questionsEach {
			asked += 2
			allowed += askBoth(t, r, m, p)
		}
		asked += narrowBoth(t, r, m, p)
	}
	require.Greater(t, allowed, asked/100, "policies allow too little to show anything")
	require.Positive(t, quickAnswers.Load(), "no question was answered quickly")
}

// askBoth asks the model and the policy the same questions. It returns how many were allowed.
func askBoth(t testing.TB, r *rand.Rand, m *model, p *Policy) (allowed int) {
	name := pick(r, p.Users())
	u, topic, origin := p.User(name), m.topic(r), pick(r, []string{name, "u0", "u1", "u5", "x"})
	want, line := m.ask(name, topic, &origin)
	for _, v := range []Verdict{u.Publish(topic, origin), u.PublishFrames(frame(r, topic), frame(r, origin)), u.PublishFrames(strangeFrame(r, topic), strangeFrame(r, origin))} {
		if v.Allowed != want || v.cause == noRule && v.Line != line {
			t.Fatalf("%s publishes %q as %q: %+v, and not %v by line %d\n%s", name, topic, origin, v, want, line, m.text.String())
		}
	}
	if want {
		allowed++
	}
	for _, f := range [][2][]byte{{frame(r, topic), frame(r, origin)}, {strangeFrame(r, topic), strangeFrame(r, origin)}} {
		quick := u.QuicklyPublishes(f[0], f[1])
		if quick && !want {
			t.Fatalf("%s quickly publishes %q as %q\n%s", name, f[0], f[1], m.text.String())
		}
		region := u.PublishRegion(f[0], f[1])
		if region != nil && (!want || !bytes.HasPrefix(f[0], region)) {
			t.Fatalf("%s has the region %q for %q as %q\n%s", name, region, f[0], f[1], m.text.String())
		}
		if quick && region != nil {
			quickAnswers.Add(1)
			askBelow(t, r, m, u, region, f[1], origin)
		}
	}
	want, line = m.ask(name, topic, nil)
	for _, f := range [][]byte{frame(r, topic), strangeFrame(r, topic)} {
		if u.QuicklyReceives(f) && !want {
			t.Fatalf("%s quickly receives %q\n%s", name, f, m.text.String())
		}
	}
	for _, v := range []Verdict{u.Subscribe(topic), u.SubscribeFrame(frame(r, topic)), u.SubscribeFrame(strangeFrame(r, topic))} {
		if v.Allowed != want || v.Line != line {
			t.Fatalf("%s subscribes to %q: %+v, and not %v by line %d\n%s", name, topic, v, want, line, m.text.String())
		}
	}
	if want {
		allowed++
	}
	return allowed
}

// askBelow asks the model about topics that begin with a region.
func askBelow(t testing.TB, r *rand.Rand, m *model, u *User, region, frameOfOrigin []byte, origin string) {
	for range 5 {
		topic := m.topic(r)
		if f := frame(r, topic); bytes.HasPrefix(f, region) {
			if want, _ := m.ask(u.Name(), topic, &origin); !want {
				t.Fatalf("%s may not publish %q as %q, which is in the region %q\n%s", u.Name(), f, frameOfOrigin, region, m.text.String())
			}
		}
	}
}

// narrowBoth narrows a subscription, and looks whether it passes what the model allows. It returns
// how many topics it tried.
func narrowBoth(t testing.TB, r *rand.Rand, m *model, p *Policy) int {
	name := pick(r, p.Users())
	u := p.User(name)
	topic := m.topic(r)
	whole := frame(r, topic)
	if r.IntN(3) == 0 {
		whole = strangeFrame(r, topic)
	}
	subscription := whole[:r.IntN(len(whole)+1)]
	if r.IntN(4) == 0 {
		subscription = nil
	}
	grants, v := u.narrow(subscription, pick(r, []int{3, maxSteps, maxSteps}))
	if v.Allowed != (len(grants) > 0) {
		t.Fatalf("%s, %q: %v, and %d grants\n%s", name, subscription, v, len(grants), m.text.String())
	}
	for _, g := range grants {
		if !bytes.HasPrefix(g.Prefix, subscription) {
			t.Fatalf("%s: the grant %q is wider than %q\n%s", name, g.Prefix, subscription, m.text.String())
		}
	}
	for i := range questionsEach {
		if i%2 == 0 { // one that resembles it
			topic += pick(r, []string{"", "/", randomSegment(r)})
		} else {
			topic = m.topic(r)
		}
		allowed, _ := m.ask(name, topic, nil)
		f := frame(r, topic)
		want := allowed && bytes.HasPrefix(f, subscription)
		if passes(u, grants, f) != want {
			t.Fatalf("%s, %q: %q passes: %v, grants %s\n%s", name, subscription, f, !want, grants, m.text.String())
		}
		f = strangeFrame(r, topic)
		if passes(u, grants, f) && !(allowed && bytes.HasPrefix(f, subscription)) {
			t.Fatalf("%s, %q: %q passes, grants %s\n%s", name, subscription, f, grants, m.text.String())
		}
	}
	return questionsEach
}

// passes is what a socket does with grants.
func passes(u *User, grants []Grant, frame []byte) bool {
	for _, g := range grants {
		if bytes.HasPrefix(frame, g.Prefix) && (g.Whole || u.SubscribeFrame(frame).Allowed) {
			return true
		}
	}
	return false
}

func TestSharedTreesChangeNothing(t *testing.T) {
	// A user of many rule sets has one tree for most of them.
	r := rand.New(rand.NewPCG(7, 7))
	for range 20 {
		m := &model{users: map[string][]string{"u0": {"u0"}}, groups: map[string][]string{}, line: 1}
		m.printf("[users.u0]\nuids = [1]\n[groups]\n")
		var names []string
		for i := range 12 {
			name := "g" + strconv.Itoa(i)
			m.groups[name] = []string{"u0"}
			m.printf("%s = [\"u0\"]\n", name)
			names = append(names, name)
		}
		for range 30 {
			m.addRule(r, names)
		}
		p, err := Parse("p", "", []byte(m.text.String()))
		require.NoError(t, err)
		require.Greater(t, len(p.User("u0").sets), sharedTrees+1)
		for range 100 {
			askBoth(t, r, m, p)
			narrowBoth(t, r, m, p)
		}
		require.Len(t, p.User("u0").publish, sharedTrees+1)
	}
}
