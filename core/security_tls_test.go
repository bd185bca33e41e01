package core

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
)

// certifiedGuard is a post office at addresses of TLS whose policy knows feed and all by their keys, and screen by a
// name in its certificate. The certificate of stranger is of the same CA.
type certifiedGuard struct {
	a      *testkit.Authority
	prints map[string]string // fingerprints of feedUsers and stranger
	policy string
	office *PostOffice
}

func newCertifiedGuard(t *testing.T, pairs ...string) *certifiedGuard {
	t.Helper()
	g := &certifiedGuard{a: testkit.NewAuthority(t), prints: map[string]string{}, policy: filepath.Join(t.TempDir(), "policy.toml")}
	for _, name := range append([]string{"stranger"}, feedUsers...) {
		g.prints[name] = tlsconfig.Fingerprint(g.a.Issue(name))
	}
	g.write(t, feedUsers, feedRules)
	g.office = newOfficeAt(t, anyTLS, anyTLS, tlsOf(g.a, "office", append(pairs, "policy", g.policy)...)...)
	return g
}

func (g *certifiedGuard) write(t *testing.T, users []string, rules string) {
	t.Helper()
	var b strings.Builder
	for _, name := range users {
		if name == "screen" {
			fmt.Fprintf(&b, "[users.%s]\nnames = [%q]\n", name, name)
		} else {
			fmt.Fprintf(&b, "[users.%s]\ncertificates = [%q]\n", name, g.prints[name])
		}
	}
	require.NoError(t, os.WriteFile(g.policy, []byte(b.String()+rules), 0o600))
}

// as are the options of one who has a certificate.
func (g *certifiedGuard) as(name string) []string {
	return append(certified(g.a, name, "tls.ca", g.a.File), quickly...)
}

func (g *certifiedGuard) receiver(t *testing.T, name string) *Receiver {
	t.Helper()
	return newReceiver(t, "zmtp", get(t, g.office, "endpoint.out"), g.as(name)...)
}

// publisher is one of a user, whose name is the origin of what it publishes.
func (g *certifiedGuard) publisher(t *testing.T, name string) *Publisher {
	t.Helper()
	p, err := NewPublisher(get(t, g.office, "endpoint.in"), name)
	require.NoError(t, err)
	set(t, p, g.as(name)...)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestUsersOfCertificatesPublishAndReceiveWhatTheyMay(t *testing.T) {
	g := newCertifiedGuard(t)
	require.NoError(t, g.receiver(t, "all").WaitReady(soon), "it is sent everything, so that all is published")
	screen := g.receiver(t, "screen")
	require.Eventually(t, func() bool { return subscribed(g.office.Stats()) == 2 }, soon, time.Millisecond)
	p := g.publisher(t, "feed")
	require.NoError(t, p.WaitReady(soon))
	publishAll(t, p, "feed", "ticks/a/eur", "ticks/a/usd", "ticks/secret/eur", "orders")
	publishAll(t, p, "other", "ticks/a/eur")
	publishAll(t, p, "feed", "end")
	require.Equal(t, []string{"ticks/a/eur", "end"}, topicsUntil(t, screen, "end"))
	s := g.office.Stats()
	require.EqualValues(t, 2, s.DroppedDenied, "orders, and the origin other")
	require.Equal(t, "feed", s.Publishers[0].User)
	require.Equal(t, g.prints["feed"], s.Publishers[0].Key)
	require.ElementsMatch(t, []string{"screen", "all"}, []string{s.Subscribers[0].User, s.Subscribers[1].User})

	code(t, EACCES, g.receiver(t, "stranger").WaitReady(soon), "certificate "+g.prints["stranger"]+" is not known")
	code(t, EACCES, g.publisher(t, "screen").WaitReady(soon), " may not publish anything")
	hears(t, g.office, "user screen may not publish anything (no rule of policy.toml allows it)")
}

func TestAUserOfACertificateThatIsRemovedIsDisconnected(t *testing.T) {
	g := newCertifiedGuard(t)
	screen, all := g.receiver(t, "screen"), g.receiver(t, "all")
	require.Eventually(t, func() bool { return subscribed(g.office.Stats()) == 2 }, soon, time.Millisecond)
	g.write(t, []string{"feed", "all"}, strings.ReplaceAll(feedRules, `"screen"`, `"feed"`))
	require.NoError(t, g.office.Set("policy", g.policy))
	hears(t, screen, " is not known")
	require.Eventually(t, func() bool { return len(g.office.Stats().Subscribers) == 1 }, soon, time.Millisecond)
	p := g.publisher(t, "feed")
	require.NoError(t, p.WaitReady(soon))
	publishAll(t, p, "feed", "end")
	require.Equal(t, []string{"end"}, topicsUntil(t, all, "end"))
}

func TestTheAuditLogNamesCertificates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	g := newCertifiedGuard(t, "audit.file", file)
	require.NoError(t, g.receiver(t, "screen").WaitReady(soon))
	code(t, EACCES, g.receiver(t, "stranger").WaitReady(soon))
	other := testkit.NewAuthority(t)
	other.Issue("foreign")
	code(t, EACCES, newReceiver(t, "zmtp", get(t, g.office, "endpoint.out"),
		append(certified(other, "foreign", "tls.ca", g.a.File), quickly...)...).WaitReady(soon))
	require.NoError(t, g.office.Stop(soon))
	text, err := os.Open(file)
	require.NoError(t, err)
	defer text.Close()
	seen := map[string]map[string]any{}
	for lines := bufio.NewScanner(text); lines.Scan(); {
		var line map[string]any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		seen[fmt.Sprint(line["action"], " ", line["result"])] = line
	}
	require.Equal(t, "screen", seen["connect allowed"]["user"])
	require.Equal(t, "certificate "+g.prints["screen"], seen["connect allowed"]["peer"])
	require.Equal(t, "certificate "+g.prints["stranger"], seen["connect denied"]["peer"])
	require.Contains(t, seen["connect denied"]["reason"], "is not known")
	require.Contains(t, seen["handshake denied"]["reason"], "is not signed by a CA of tls.ca")
	require.NotContains(t, seen["handshake denied"], "peer")
}

// A certificate that no CA has signed has to be among the pins, or it is not even asked for; its names count for nothing.
func TestAUserWithACertificateOfItsOwnIsKnownByItsKey(t *testing.T) {
	a, own := testkit.NewAuthority(t), testkit.NewAuthority(t)
	print := tlsconfig.Fingerprint(own.Issue("desk"))
	policy := filepath.Join(t.TempDir(), "policy.toml")
	write := func(identity string) {
		require.NoError(t, os.WriteFile(policy, []byte("[users.desk]\n"+identity+"\n[[allow]]\nusers = [\"desk\"]\nsubscribe = [\"\"]\n"), 0o600))
	}
	write(fmt.Sprintf("certificates = [%q]", print))
	a.Issue("office")
	open := newOfficeAt(t, anyTLS, anyTLS, certified(a, "office", "policy", policy)...)
	desk := append(certified(own, "desk", "tls.ca", a.File), quickly...)
	code(t, EACCES, newReceiver(t, "zmtp", get(t, open, "endpoint.out"), desk...).WaitReady(soon), "anonymous")

	pinned := newOfficeAt(t, anyTLS, anyTLS, certified(a, "office", "policy", policy, "tls.pins", print)...)
	require.NoError(t, newReceiver(t, "zmtp", get(t, pinned, "endpoint.out"), desk...).WaitReady(soon))
	require.Eventually(t, func() bool { s := pinned.Stats().Subscribers; return len(s) == 1 && s[0].User == "desk" }, soon, time.Millisecond)
	write(`names = ["desk"]`)
	require.NoError(t, pinned.Set("policy", policy))
	code(t, EACCES, newReceiver(t, "zmtp", get(t, pinned, "endpoint.out"), desk...).WaitReady(soon), "certificate "+print+" is not known")
}
