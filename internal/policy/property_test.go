package policy

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit/policymodel"
)

// questionsEach is how many questions one random policy is asked, of each kind.
const questionsEach = 40

// quickAnswers counts what is allowed at once.
var quickAnswers atomic.Int64

func TestVerdictsAreThoseOfTheModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	allowed, asked := 0, 0
	for asked < policymodel.Cases(t, 20_000) {
		m := policymodel.Random(r)
		p, err := Parse("p", "", []byte(m.String()))
		require.NoError(t, err, "%s", m.String())
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
func askBoth(t testing.TB, r *rand.Rand, m *policymodel.Model, p *Policy) (allowed int) {
	name := policymodel.Pick(r, p.Users())
	u, topic, origin := p.User(name), m.Topic(r), policymodel.Pick(r, []string{name, "u0", "u1", "u5", "x"})
	want, line := m.Ask(name, topic, &origin)
	for _, v := range []Verdict{u.Publish(topic, origin), u.PublishFrames(policymodel.Frame(r, topic), policymodel.Frame(r, origin)), u.PublishFrames(policymodel.StrangeFrame(r, topic), policymodel.StrangeFrame(r, origin))} {
		if v.Allowed != want || v.cause == noRule && v.Line != line {
			t.Fatalf("%s publishes %q as %q: %+v, and not %v by line %d\n%s", name, topic, origin, v, want, line, m.String())
		}
	}
	if want {
		allowed++
	}
	for _, f := range [][2][]byte{{policymodel.Frame(r, topic), policymodel.Frame(r, origin)}, {policymodel.StrangeFrame(r, topic), policymodel.StrangeFrame(r, origin)}} {
		quick := u.QuicklyPublishes(f[0], f[1])
		if quick && !want {
			t.Fatalf("%s quickly publishes %q as %q\n%s", name, f[0], f[1], m.String())
		}
		region := u.PublishRegion(f[0], f[1])
		if region != nil && (!want || !bytes.HasPrefix(f[0], region)) {
			t.Fatalf("%s has the region %q for %q as %q\n%s", name, region, f[0], f[1], m.String())
		}
		if quick && region != nil {
			quickAnswers.Add(1)
			askBelow(t, r, m, u, region, f[1], origin)
		}
	}
	want, line = m.Ask(name, topic, nil)
	for _, f := range [][]byte{policymodel.Frame(r, topic), policymodel.StrangeFrame(r, topic)} {
		if u.QuicklyReceives(f) && !want {
			t.Fatalf("%s quickly receives %q\n%s", name, f, m.String())
		}
	}
	for _, v := range []Verdict{u.Subscribe(topic), u.SubscribeFrame(policymodel.Frame(r, topic)), u.SubscribeFrame(policymodel.StrangeFrame(r, topic))} {
		if v.Allowed != want || v.Line != line {
			t.Fatalf("%s subscribes to %q: %+v, and not %v by line %d\n%s", name, topic, v, want, line, m.String())
		}
	}
	if want {
		allowed++
	}
	return allowed
}

// askBelow asks the model about topics that begin with a region.
func askBelow(t testing.TB, r *rand.Rand, m *policymodel.Model, u *User, region, frameOfOrigin []byte, origin string) {
	for range 5 {
		topic := m.Topic(r)
		if f := policymodel.Frame(r, topic); bytes.HasPrefix(f, region) {
			if want, _ := m.Ask(u.Name(), topic, &origin); !want {
				t.Fatalf("%s may not publish %q as %q, which is in the region %q\n%s", u.Name(), f, frameOfOrigin, region, m.String())
			}
		}
	}
}

// narrowBoth narrows a subscription, and looks whether it passes what the model allows. It returns
// how many topics it tried.
func narrowBoth(t testing.TB, r *rand.Rand, m *policymodel.Model, p *Policy) int {
	name := policymodel.Pick(r, p.Users())
	u := p.User(name)
	topic := m.Topic(r)
	whole := policymodel.Frame(r, topic)
	if r.IntN(3) == 0 {
		whole = policymodel.StrangeFrame(r, topic)
	}
	subscription := whole[:r.IntN(len(whole)+1)]
	if r.IntN(4) == 0 {
		subscription = nil
	}
	grants, v := u.narrow(subscription, policymodel.Pick(r, []int{3, maxSteps, maxSteps}))
	if v.Allowed != (len(grants) > 0) {
		t.Fatalf("%s, %q: %v, and %d grants\n%s", name, subscription, v, len(grants), m.String())
	}
	for _, g := range grants {
		if !bytes.HasPrefix(g.Prefix, subscription) {
			t.Fatalf("%s: the grant %q is wider than %q\n%s", name, g.Prefix, subscription, m.String())
		}
	}
	for i := range questionsEach {
		if i%2 == 0 { // one that resembles it
			topic += policymodel.Pick(r, []string{"", "/", policymodel.Segment(r)})
		} else {
			topic = m.Topic(r)
		}
		allowed, _ := m.Ask(name, topic, nil)
		f := policymodel.Frame(r, topic)
		want := allowed && bytes.HasPrefix(f, subscription)
		if passes(u, grants, f) != want {
			t.Fatalf("%s, %q: %q passes: %v, grants %s\n%s", name, subscription, f, !want, grants, m.String())
		}
		f = policymodel.StrangeFrame(r, topic)
		if passes(u, grants, f) && !(allowed && bytes.HasPrefix(f, subscription)) {
			t.Fatalf("%s, %q: %q passes, grants %s\n%s", name, subscription, f, grants, m.String())
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
		m := policymodel.New()
		m.AddUser("u0", "uids = [1]", "u0")
		m.BeginGroups()
		var names []string
		for i := range 12 {
			name := "g" + strconv.Itoa(i)
			m.AddGroup(name, "u0")
			names = append(names, name)
		}
		for range 30 {
			m.AddRule(r, names)
		}
		p, err := Parse("p", "", []byte(m.String()))
		require.NoError(t, err)
		require.Greater(t, len(p.User("u0").sets), sharedTrees+1)
		for range 100 {
			askBoth(t, r, m, p)
			narrowBoth(t, r, m, p)
		}
		require.Len(t, p.User("u0").publish, sharedTrees+1)
	}
}
