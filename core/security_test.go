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
)

// guarded is a cluster whose post office has a policy; its users are those with keys.
type guarded struct {
	keys   map[string]string
	policy string // path of the file
	office *PostOffice
}

// newGuarded makes the keys of users, and a post office with rules for them.
func newGuarded(t *testing.T, rules string, users []string, pairs ...string) *guarded {
	t.Helper()
	g := &guarded{keys: keyFiles(t, append(users, "office", "stranger")...)}
	g.policy = filepath.Join(t.TempDir(), "policy.toml")
	g.write(t, users, rules)
	g.office = g.start(t, pairs...)
	return g
}

func (g *guarded) start(t *testing.T, pairs ...string) *PostOffice {
	t.Helper()
	return newOffice(t, "zmtp", append([]string{"curve.secret", g.keys["office"] + ".key_secret", "policy", g.policy}, pairs...)...)
}

// write makes these rules for these users the policy.
func (g *guarded) write(t *testing.T, users []string, rules string) {
	t.Helper()
	var b strings.Builder
	for _, name := range users {
		fmt.Fprintf(&b, "[users.%s]\nkeys = [%q]\n", name, publicKey(t, g.keys[name]))
	}
	b.WriteString(rules)
	require.NoError(t, os.WriteFile(g.policy, []byte(b.String()), 0o600))
}

// as are the options of a user.
func (g *guarded) as(user string) []string { return asClient(g.keys[user], g.keys["office"]) }

// receiver is one of a user that follows topics.
func (g *guarded) receiver(t *testing.T, user string, topics ...string) *Receiver {
	t.Helper()
	r, err := NewReceiver(get(t, g.office, "endpoint.out"), user)
	require.NoError(t, err)
	set(t, r, g.as(user)...)
	for _, topic := range topics {
		require.NoError(t, r.Subscribe(topic))
	}
	require.NoError(t, r.Start())
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (g *guarded) publisher(t *testing.T, user string, pairs ...string) *Publisher {
	t.Helper()
	p, err := NewPublisher(get(t, g.office, "endpoint.in"), user)
	require.NoError(t, err)
	set(t, p, append(g.as(user), pairs...)...)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// topicsUntil are the topics that a receiver gets until one is last.
func topicsUntil(t *testing.T, r *Receiver, last string) (topics []string) {
	t.Helper()
	for {
		e, err := r.Recv(soon)
		require.NoError(t, err, "after %v", topics)
		topics = append(topics, e.Topic)
		if e.Topic == last {
			return topics
		}
	}
}

func publishAll(t *testing.T, p *Publisher, origin string, topics ...string) {
	t.Helper()
	for _, topic := range topics {
		require.NoError(t, p.Publish(topic, origin, []byte("1")))
	}
}

const feedRules = `
[[allow]]
users = ["feed"]
publish = ["ticks", "end"]
[[allow]]
users = ["screen"]
subscribe = ["ticks/*/eur", "end"]
[[allow]]
users = ["all"]
subscribe = [""]
[[deny]]
users = ["screen"]
subscribe = ["ticks/secret"]
`

// feedUsers are those of feedRules. What all receives is published in any case.
var feedUsers = []string{"feed", "screen", "all"}

func TestUsersPublishAndReceiveWhatTheyMay(t *testing.T) {
	g := newGuarded(t, feedRules, feedUsers)
	r := g.receiver(t, "screen", "")
	require.NoError(t, g.receiver(t, "all", "").WaitReady(soon))
	p := g.publisher(t, "feed")
	require.NoError(t, r.WaitReady(soon))
	require.Eventually(t, func() bool { return subscribed(g.office.Stats()) == 2 }, soon, time.Millisecond)
	require.NoError(t, p.WaitReady(soon))
	publishAll(t, p, "feed", "ticks/a/eur", "ticks/a/usd", "ticks2/a/eur", "ticks/secret/eur", "orders", "ticks/b/eur/x")
	publishAll(t, p, "other", "ticks/a/eur")
	publishAll(t, p, "feed", "end")
	require.Equal(t, []string{"ticks/a/eur", "ticks/b/eur/x", "end"}, topicsUntil(t, r, "end"))
	require.Eventually(t, func() bool { return g.office.Stats().InMessages == 5 }, soon, time.Millisecond)
	s := g.office.Stats()
	require.EqualValues(t, 3, s.DroppedDenied, "ticks2, orders, and the origin other")
	require.Equal(t, "feed", s.Publishers[0].User)
	require.ElementsMatch(t, []string{"screen", "all"}, []string{s.Subscribers[0].User, s.Subscribers[1].User})
}

func TestTheTextOfADenialNamesUserTopicAndLine(t *testing.T) {
	g := newGuarded(t, feedRules, feedUsers)
	r := g.receiver(t, "screen", "orders")
	p := g.publisher(t, "feed")
	hears(t, r, "user screen may not subscribe to orders (no rule of policy.toml allows it)")
	hears(t, g.office, "user screen may not subscribe to orders")
	require.EqualValues(t, 1, g.office.Stats().SubscriptionsDenied)

	require.NoError(t, r.Subscribe("ticks/secret/"))
	hears(t, r, "user screen may not subscribe to ticks/secret/ (policy.toml, line ")
	require.NoError(t, g.receiver(t, "all", "").WaitReady(soon))
	require.NoError(t, p.WaitReady(soon))
	publishAll(t, p, "feed", "orders/1")
	hears(t, p, "user feed may not publish orders/1 (no rule of policy.toml allows it)")
	require.Contains(t, p.Stats().Problem, "user feed may not publish orders/1")

	g.write(t, feedUsers, feedRules+"[[allow]]\nusers = [\"feed\"]\npublish = [\"orders\"]\n")
	require.NoError(t, g.office.Set("policy", g.policy))
	require.Eventually(t, func() bool { return p.Stats().Problem == "" }, soon, time.Millisecond, "it is allowed now")
}

func TestStrangersAndUsersWithoutRightsAreRefusedAtOnce(t *testing.T) {
	g := newGuarded(t, feedRules, feedUsers)
	code(t, EACCES, g.receiver(t, "stranger", "").WaitReady(soon), "key ", " is not known")
	code(t, EACCES, g.receiver(t, "feed", "").WaitReady(soon), "refused by tcp://", ": key "+publicKey(t, g.keys["feed"])+" may not subscribe to anything; ")
	code(t, EACCES, g.publisher(t, "screen").WaitReady(soon), "refused by tcp://", ": key "+publicKey(t, g.keys["screen"])+" may not publish anything; ")
	hears(t, g.office, "user screen may not publish anything (no rule of policy.toml allows it)")
}

func TestAPolicyChangesWhileConnectionsStay(t *testing.T) {
	g := newGuarded(t, feedRules, feedUsers)
	r := g.receiver(t, "screen", "")
	require.NoError(t, g.receiver(t, "all", "").WaitReady(soon), "so that all is published")
	require.Eventually(t, func() bool { return subscribed(g.office.Stats()) == 2 }, soon, time.Millisecond)
	p := g.publisher(t, "feed")
	require.NoError(t, p.WaitReady(soon))
	publishAll(t, p, "feed", "ticks/a/eur", "end")
	require.Equal(t, []string{"ticks/a/eur", "end"}, topicsUntil(t, r, "end"))

	g.write(t, feedUsers, strings.ReplaceAll(feedRules, `["ticks/*/eur", "end"]`, `["orders", "end"]`))
	require.NoError(t, g.office.Set("policy", g.policy))
	publishAll(t, p, "feed", "ticks/a/eur", "end")
	require.Equal(t, []string{"end"}, topicsUntil(t, r, "end"), "the right to ticks is taken away")

	g.write(t, feedUsers, feedRules)
	require.NoError(t, g.office.Set("policy", g.policy))
	publishAll(t, p, "feed", "ticks/a/eur", "end")
	require.Equal(t, []string{"ticks/a/eur", "end"}, topicsUntil(t, r, "end"), "and given back")
	require.Len(t, g.office.Stats().Subscribers, 2)

	require.NoError(t, os.WriteFile(g.policy, []byte("[[allow]]\nusers = [\"no-such-user\"]\n"), 0o600))
	code(t, EOPTION, g.office.Set("policy", g.policy), "the old rules stay", "policy.toml, line 1")
	hears(t, g.office, "the policy stays as it was")
	publishAll(t, p, "feed", "ticks/a/eur", "end")
	require.Equal(t, []string{"ticks/a/eur", "end"}, topicsUntil(t, r, "end"))

	g.write(t, []string{"feed", "all"}, strings.ReplaceAll(feedRules, `"screen"`, `"feed"`))
	require.NoError(t, g.office.Set("policy", g.policy))
	hears(t, r, " is not known")
	require.Eventually(t, func() bool { return len(g.office.Stats().Subscribers) == 1 }, soon, time.Millisecond)
	code(t, ESTATE, g.office.Set("policy", g.policy+"2"), "only while it is not running")
}

func TestTheFileOfAPolicyIsWatched(t *testing.T) {
	g := newGuarded(t, feedRules, feedUsers)
	r := g.receiver(t, "screen", "")
	require.NoError(t, r.WaitReady(soon))
	g.write(t, []string{"feed", "all"}, strings.ReplaceAll(feedRules, `"screen"`, `"feed"`))
	hears(t, r, " is not known")
	hears(t, g.office, "policy.toml was read again")
}

func TestCacheAndDebugAddressKeepToThePolicy(t *testing.T) {
	g := &guarded{keys: keyFiles(t, append(feedUsers, "office")...)}
	g.policy = filepath.Join(t.TempDir(), "policy.toml")
	g.write(t, feedUsers, feedRules)
	po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
	require.NoError(t, err)
	set(t, po, "curve.secret", g.keys["office"]+".key_secret", "policy", g.policy, "cache.depth", "1")
	require.NoError(t, po.Start())
	t.Cleanup(func() { _ = po.Close() })
	g.office = po
	p := g.publisher(t, "feed")
	debug := newReceiver(t, "zmtp", get(t, po, "endpoint.debug"), g.as("screen")...)
	require.NoError(t, debug.WaitReady(soon))
	require.NoError(t, p.WaitReady(soon), "the cache has the post office subscribe")
	require.Eventually(t, func() bool { return subscribed(po.Stats()) > 0 }, soon, time.Millisecond)
	all := []string{"ticks/secret/eur", "ticks/a/usd", "ticks/a/eur", "end"}
	publishAll(t, p, "feed", all...)
	require.Equal(t, []string{"ticks/a/eur", "end"}, topicsUntil(t, debug, "end"))
	require.Eventually(t, func() bool { return po.Stats().CacheTopics == 4 }, soon, time.Millisecond)
	r := g.receiver(t, "screen", "")
	require.ElementsMatch(t, []string{"ticks/a/eur", "end"}, []string{first(t, r), first(t, r)})
	publishAll(t, p, "feed", "end")
	require.Equal(t, []string{"end"}, topicsUntil(t, r, "end"))
}

func first(t *testing.T, r *Receiver) string {
	t.Helper()
	e, err := r.Recv(soon)
	require.NoError(t, err)
	return e.Topic
}

func TestBoundPublishersAndReceiversHaveAPolicy(t *testing.T) {
	g := &guarded{keys: keyFiles(t, append(feedUsers, "office")...)}
	g.policy = filepath.Join(t.TempDir(), "policy.toml")
	g.write(t, feedUsers, feedRules)
	own := []string{"curve.secret", g.keys["office"] + ".key_secret", "policy", g.policy}

	p := newPublisher(t, "zmtp", "@tcp://127.0.0.1:*", own...)
	r := newReceiver(t, "zmtp", get(t, p, "endpoint"), g.as("screen")...)
	require.NoError(t, p.WaitReady(soon))
	publishAll(t, p, "", "ticks/a/usd", "ticks/a/eur", "end")
	require.Equal(t, []string{"ticks/a/eur", "end"}, topicsUntil(t, r, "end"))

	bound := newReceiver(t, "zmtp", "@tcp://127.0.0.1:*", own...)
	feed, err := NewPublisher(get(t, bound, "endpoint"), "feed")
	require.NoError(t, err)
	set(t, feed, g.as("feed")...)
	require.NoError(t, feed.Start())
	t.Cleanup(func() { _ = feed.Close() })
	require.NoError(t, feed.WaitReady(soon))
	publishAll(t, feed, "", "orders", "ticks", "end")
	require.Equal(t, []string{"ticks", "end"}, topicsUntil(t, bound, "end"))
	require.EqualValues(t, 1, bound.Stats().DroppedDenied)
}

func TestTheAuditLogSaysWhoDidWhat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	g := newGuarded(t, feedRules, feedUsers, "audit.file", file)
	p := g.publisher(t, "feed")
	r := g.receiver(t, "screen", "orders", "end")
	require.NoError(t, g.receiver(t, "all", "").WaitReady(soon))
	require.Eventually(t, func() bool { return subscribed(g.office.Stats()) == 2 }, soon, time.Millisecond)
	code(t, EACCES, g.receiver(t, "stranger", "").WaitReady(soon))
	code(t, EACCES, newReceiver(t, "zmtp", get(t, g.office, "endpoint.out"), quickly...).WaitReady(soon))
	require.NoError(t, p.WaitReady(soon))
	publishAll(t, p, "feed", "orders", "end")
	topicsUntil(t, r, "end")
	require.NoError(t, g.office.Stop(soon))
	seen := map[string]map[string]any{}
	text, err := os.Open(file)
	require.NoError(t, err)
	defer text.Close()
	for lines := bufio.NewScanner(text); lines.Scan(); {
		var line map[string]any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), lines.Text())
		_, err := time.Parse(time.RFC3339Nano, line["time"].(string))
		require.NoError(t, err)
		seen[fmt.Sprint(line["action"], " ", line["result"], " ", line["user"])] = line
	}
	require.Contains(t, seen, "connect allowed feed")
	require.Contains(t, seen, "connect allowed screen")
	require.Contains(t, seen, "connect denied <nil>")
	require.Contains(t, seen["connect denied <nil>"]["reason"], "is not known")
	unproved := seen["handshake denied <nil>"]
	require.Equal(t, "tcp://127.0.0.1", unproved["address"])
	require.Contains(t, unproved["reason"], "no security mechanism")
	require.NotContains(t, unproved, "peer")
	require.Contains(t, seen, "subscribe denied screen")
	denied := seen["publish denied feed"]
	require.Equal(t, "orders", denied["topic"])
	require.Equal(t, "feed", denied["origin"])
	require.Equal(t, "no rule of policy.toml allows it", denied["reason"])
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestAnAuditLogWithoutAPolicyStopsTheStart(t *testing.T) {
	po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	defer po.Close()
	set(t, po, "audit.file", filepath.Join(t.TempDir(), "audit.jsonl"))
	code(t, EOPTION, po.Start(), "option audit.file is set, but not policy")
	set(t, po, "audit.file", "")
	require.NoError(t, po.Start())
}

func TestAPolicyThatCannotBeReadStopsTheStart(t *testing.T) {
	po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	defer po.Close()
	gone := filepath.Join(t.TempDir(), "gone.toml")
	code(t, EOPTION, po.Set("policy", gone), "policy", "no such file")
	require.NoError(t, os.WriteFile(gone, nil, 0o600))
	set(t, po, "policy", gone)
	require.NoError(t, os.Remove(gone))
	code(t, EOPTION, po.Start(), "option policy", "gone.toml")
	set(t, po, "policy", "")
	require.NoError(t, po.Start())
}

func TestProgramsOnThisMachineAreUsersByTheirUID(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy.toml")
	write := func(uid int) {
		text := fmt.Sprintf("[users.me]\nuids = [%d]\norigins = [\"pub\"]\n[users.legacy]\nanonymous = true\n"+
			"[[allow]]\nusers = [\"me\"]\npublish = [\"\"]\nsubscribe = [\"\"]\n[[allow]]\nusers = [\"legacy\"]\nsubscribe = [\"news\"]\n", uid)
		require.NoError(t, os.WriteFile(policy, []byte(text), 0o600))
	}
	write(os.Getuid())
	po, err := NewPostOffice("ipc://*,tcp://127.0.0.1:*", "ipc://*,tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, po, "policy", policy)
	require.NoError(t, po.Start())
	t.Cleanup(func() { _ = po.Close() })
	in, out := strings.Split(get(t, po, "endpoint.in"), ","), strings.Split(get(t, po, "endpoint.out"), ",")

	mine, others := newReceiver(t, "zmtp", out[0]), newReceiver(t, "zmtp", out[1], quickly...)
	code(t, EACCES, newPublisher(t, "zmtp", in[1], quickly...).WaitReady(soon), "user legacy may not publish anything")
	require.Eventually(t, func() bool { return subscribed(po.Stats()) == 2 }, soon, time.Millisecond)
	p := newPublisher(t, "zmtp", in[0])
	require.NoError(t, p.WaitReady(soon))
	publishAll(t, p, "", "ticks", "news")
	require.Equal(t, []string{"ticks", "news"}, topicsUntil(t, mine, "news"))
	require.Equal(t, []string{"news"}, topicsUntil(t, others, "news"))

	write(os.Getuid() + 1)
	require.NoError(t, po.Set("policy", policy))
	hears(t, p, "user legacy may not publish anything")
}

func TestALinkBetweenPostOfficesKeepsToBothPolicies(t *testing.T) {
	rules := feedRules + `
[[allow]]
users = ["branch"]
subscribe = ["ticks", "end"]
`
	g := newGuarded(t, rules, append(feedUsers, "branch"))
	// The branch has a policy of its own, in which the head office is a publisher.
	policy := filepath.Join(t.TempDir(), "branch.toml")
	text := fmt.Sprintf("[users.head]\nkeys = [%q]\n[users.screen]\nkeys = [%q]\n"+
		"[[allow]]\nusers = [\"head\"]\npublish = [\"ticks/a\", \"end\"]\norigins = [\"*\"]\n[[allow]]\nusers = [\"screen\"]\nsubscribe = [\"\"]\n",
		publicKey(t, g.keys["office"]), publicKey(t, g.keys["screen"]))
	require.NoError(t, os.WriteFile(policy, []byte(text), 0o600))
	branch, err := NewPostOffice(">"+get(t, g.office, "endpoint.out"), "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, branch, append(asClient(g.keys["branch"], g.keys["office"]), "policy", policy)...)
	require.NoError(t, branch.Start())
	t.Cleanup(func() { _ = branch.Close() })

	require.NoError(t, g.receiver(t, "all", "").WaitReady(soon))
	r := newReceiver(t, "zmtp", get(t, branch, "endpoint.out"), asClient(g.keys["screen"], g.keys["branch"])...)
	require.NoError(t, r.WaitReady(soon))
	require.Eventually(t, func() bool { return subscribed(g.office.Stats()) == 2 }, soon, time.Millisecond)
	p := g.publisher(t, "feed")
	require.NoError(t, p.WaitReady(soon))
	publishAll(t, p, "feed", "ticks/a", "ticks/b", "end")
	require.Equal(t, []string{"ticks/a", "end"}, topicsUntil(t, r, "end"), "the branch takes no ticks/b")
	require.EqualValues(t, 1, branch.Stats().DroppedDenied)
	require.Equal(t, "head", branch.Stats().Publishers[0].User)
}
