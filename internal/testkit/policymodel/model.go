// Package policymodel makes random policies whose verdicts are found by going through lists: what the
// tests of packages policy and zmtp compare with. It shares no code with package policy but
// wire.AppendString. It has no locks: one test uses a model.
package policymodel

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// casesVariable is how many questions a test asks in place of the number that it has by itself.
const casesVariable = "HERMES_POLICY_CASES"

// Cases is how many questions a test asks: usual, unless the environment says another number.
func Cases(t testing.TB, usual int) int {
	t.Helper()
	text := os.Getenv(casesVariable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", casesVariable, err)
	}
	return n
}

// Model is a policy as lists.
type Model struct {
	users  map[string][]string // with their origins
	groups map[string][]string
	rules  []rule
	text   strings.Builder
	line   int
}

// Ask says whether a user may publish a topic in the name of an origin, or receive it where origin is nil,
// and the line that decides; 0 is none.
func (m *Model) Ask(user, topic string, origin *string) (allowed bool, line int) {
	allow, deny := 0, 0
	for _, r := range m.rules {
		if !m.names(r.users, user) {
			continue
		}
		patterns := r.subscribe
		if origin != nil {
			patterns = r.publish
			if !m.speaks(r, user, *origin) {
				continue
			}
		}
		for _, p := range patterns {
			switch {
			case !matches(p.text, topic):
			case r.allow && (allow == 0 || p.line < allow):
				allow = p.line
			case !r.allow && (deny == 0 || p.line < deny):
				deny = p.line
			}
		}
	}
	if deny > 0 {
		return false, deny
	}
	return allow > 0, allow
}

func (m *Model) names(names []string, user string) bool {
	for _, n := range names {
		if n == "*" || n == user || m.names(m.groups[n], user) {
			return true
		}
	}
	return false
}

func (m *Model) speaks(r rule, user, origin string) bool {
	own := slices.Contains(m.users[user], origin)
	if r.origins == nil {
		return own || !r.allow
	}
	return slices.Contains(r.origins, "*") || slices.Contains(r.origins, origin) || own && slices.Contains(r.origins, "self")
}

func matches(pattern, topic string) bool {
	if pattern == "" {
		return true
	}
	wants, has := strings.Split(pattern, "/"), strings.Split(topic, "/")
	if len(wants) > 1 && wants[len(wants)-1] == "" {
		wants = wants[:len(wants)-1]
	}
	for i, want := range wants {
		if i == len(has) || want != "*" && want != has[i] {
			return false
		}
	}
	return true
}

// segments are few, so that patterns and topics meet, and those that are hard: texts that need
// escapes, and texts of JSON values that are no strings.
var segments = []string{"a", "b", "ab", "abc", "", "é", "\u0101", "😀", `q"`, `\`, "5", "55", "[1", `["a`, "true", "\x01", "\ufffd"}

// Pick is one of from.
func Pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func some(r *rand.Rand, most int, one func() string) []string {
	out := make([]string, 1+r.IntN(most))
	for i := range out {
		out[i] = one()
	}
	return out
}

func randomPattern(r *rand.Rand) string {
	if r.IntN(20) == 0 {
		return ""
	}
	return strings.Join(some(r, 3, func() string {
		if r.IntN(7) == 0 {
			return "*"
		}
		return Segment(r)
	}), "/") + Pick(r, []string{"", "", "/"})
}

// Segment is a segment of a topic, one of the first ones as a rule.
func Segment(r *rand.Rand) string {
	if r.IntN(3) > 0 {
		return segments[r.IntN(4)]
	}
	return Pick(r, segments)
}

func randomTopic(r *rand.Rand) string {
	return strings.Join(some(r, 5, func() string { return Segment(r) }), "/")
}

// Topic is often one that a pattern matches, or nearly does.
func (m *Model) Topic(r *rand.Rand) string {
	var all []pattern
	for _, one := range m.rules {
		all = append(append(all, one.publish...), one.subscribe...)
	}
	if len(all) == 0 || r.IntN(4) == 0 {
		return randomTopic(r)
	}
	parts := strings.Split(Pick(r, all).text, "/")
	for i, part := range parts {
		if part == "*" || r.IntN(8) == 0 {
			parts[i] = Segment(r)
		}
	}
	switch r.IntN(5) {
	case 0:
		parts = append(parts, Segment(r))
	case 1:
		parts = parts[:1+r.IntN(len(parts))]
	case 2:
		parts[len(parts)-1] += Pick(r, []string{"5", "b", "]", "😀"})
	}
	return strings.Join(parts, "/")
}

// String is the text of the policy.
func (m *Model) String() string { return m.text.String() }

// Users are the names of the users, sorted.
func (m *Model) Users() []string { return slices.Sorted(maps.Keys(m.users)) }

func (m *Model) printf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	m.line += strings.Count(text, "\n")
	m.text.WriteString(text)
}

// quote writes a TOML string.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < 0x20:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoteAll(texts []string) string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = quote(text)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// Random makes a policy of up to five users, u0 and so on, whom their uids show: 0 and so on.
func Random(r *rand.Rand) *Model {
	return RandomOf(r, 1+r.IntN(5), func(i int) string { return fmt.Sprintf("uids = [%d]", i) })
}

// RandomOf makes a policy of so many users; identity is the line of TOML that says who user i is.
func RandomOf(r *rand.Rand, users int, identity func(i int) string) *Model {
	m := New()
	var names []string
	for i := range users {
		name := fmt.Sprint("u", i)
		names = append(names, name)
		var origins []string
		if r.IntN(3) == 0 {
			origins = some(r, 3, func() string { return fmt.Sprint("u", r.IntN(6)) })
		}
		m.AddUser(name, identity(i), origins...)
	}
	m.BeginGroups()
	for i := range r.IntN(4) { // of users and of groups before them
		name := fmt.Sprint("g", i)
		m.AddGroup(name, some(r, 3, func() string { return Pick(r, names) })...)
		names = append(names, name)
	}
	names = append(names, "*")
	for range r.IntN(12) {
		m.AddRule(r, names)
	}
	return m
}

// New makes a policy without users and rules.
func New() *Model {
	return &Model{users: map[string][]string{}, groups: map[string][]string{}, line: 1}
}

// AddUser adds a user with its origins; without any the text says none, and its name is one.
func (m *Model) AddUser(name, identity string, origins ...string) {
	m.users[name] = []string{name}
	m.printf("[users.%s]\n%s\n", name, identity)
	if len(origins) > 0 {
		m.users[name] = origins
		m.printf("origins = %s\n", quoteAll(origins))
	}
}

// BeginGroups is called between the last user and the first group or rule.
func (m *Model) BeginGroups() { m.printf("[groups]\n") }

// AddGroup adds a group of users and of groups before it.
func (m *Model) AddGroup(name string, members ...string) {
	m.groups[name] = members
	m.printf("%s = %s\n", name, quoteAll(members))
}

// AllowAll adds a rule by which all users may publish in any name, and receive, a topic and what is below.
func (m *Model) AllowAll(topic string) {
	m.printf("[[allow]]\nusers = [\"*\"]\norigins = [\"*\"]\npublish = [%s]\n", quote(topic))
	published := []pattern{{topic, m.line - 1}}
	m.printf("subscribe = [%s]\n", quote(topic))
	m.rules = append(m.rules, rule{allow: true, users: []string{"*"}, origins: []string{"*"}, publish: published, subscribe: []pattern{{topic, m.line - 1}}})
}

// AddRule adds a random rule for some of these users and groups.
func (m *Model) AddRule(r *rand.Rand, names []string) {
	one := rule{allow: r.IntN(3) > 0, users: some(r, 2, func() string { return Pick(r, names) })}
	m.printf("%s\nusers = %s\n", map[bool]string{true: "[[allow]]", false: "[[deny]]"}[one.allow], quoteAll(one.users))
	what := 1 + r.IntN(3)
	if what&1 != 0 {
		one.publish = m.patterns(r, "publish")
		if r.IntN(2) == 0 {
			one.origins = some(r, 2, func() string { return Pick(r, []string{"self", "*", "u0", "u1", "u5"}) })
			m.printf("origins = %s\n", quoteAll(one.origins))
		}
	}
	if what&2 != 0 {
		one.subscribe = m.patterns(r, "subscribe")
	}
	m.rules = append(m.rules, one)
}

// patterns writes some, on one line or each on its own.
func (m *Model) patterns(r *rand.Rand, key string) (out []pattern) {
	end := Pick(r, []string{" ", "\n"})
	m.printf("%s = [%s", key, end)
	for range r.IntN(4) {
		text := randomPattern(r)
		out = append(out, pattern{text, m.line})
		m.printf("%s,%s", quote(text), end)
	}
	m.printf("]\n")
	return out
}

// Frame is a topic on the wire as publishers write it: a string, or the text of another value.
func Frame(r *rand.Rand, topic string) []byte {
	if text := []byte(topic); wire.Valid(text) && text[0] != '"' && r.IntN(2) == 0 {
		return text
	}
	frame, err := wire.AppendString(nil, topic)
	if err != nil {
		panic(err)
	}
	return frame
}

// StrangeFrame is the same topic, a string, in another encoding.
func StrangeFrame(r *rand.Rand, topic string) []byte {
	out := []byte(Pick(r, []string{"", "", " ", "\n\t"}) + `"`)
	for _, c := range topic {
		plain, _ := wire.AppendString(nil, string(c))
		switch {
		case r.IntN(2) == 0:
			out = append(out, plain[1:len(plain)-1]...)
		case c == '/' && r.IntN(2) == 0:
			out = append(out, `\/`...)
		case c >= 0x80 && r.IntN(2) == 0:
			out = append(out, string(c)...)
		case c <= 0xffff:
			out = fmt.Appendf(out, Pick(r, []string{`\u%04x`, `\u%04X`}), c)
		default:
			out = append(out, plain[1:len(plain)-1]...)
		}
	}
	return append(out, Pick(r, []string{`"`, `" `, "\"\n"})...)
}
