package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// model is a policy as lists, and its verdicts by going through them: what the tests compare with.
// It shares no code with the policy but wire.AppendString.
type model struct {
	users  map[string][]string // with their origins
	groups map[string][]string
	rules  []modelRule
	text   strings.Builder
	line   int
}

type modelRule struct {
	allow              bool
	users, origins     []string
	publish, subscribe []modelPattern
}

type modelPattern struct {
	text string
	line int
}

// question is what a rule has to match: publish, or subscribe where origin is nil.
func (m *model) ask(user, topic string, origin *string) (allowed bool, line int) {
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
			case !modelMatch(p.text, topic):
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

func (m *model) names(names []string, user string) bool {
	for _, n := range names {
		if n == "*" || n == user || m.names(m.groups[n], user) {
			return true
		}
	}
	return false
}

func (m *model) speaks(r modelRule, user, origin string) bool {
	own := slices.Contains(m.users[user], origin)
	if r.origins == nil {
		return own || !r.allow
	}
	return slices.Contains(r.origins, "*") || slices.Contains(r.origins, origin) || own && slices.Contains(r.origins, "self")
}

func modelMatch(pattern, topic string) bool {
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

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

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
		return randomSegment(r)
	}), "/") + pick(r, []string{"", "", "/"})
}

// randomSegment is one of the first ones as a rule.
func randomSegment(r *rand.Rand) string {
	if r.IntN(3) > 0 {
		return segments[r.IntN(4)]
	}
	return pick(r, segments)
}

func randomTopic(r *rand.Rand) string {
	return strings.Join(some(r, 5, func() string { return randomSegment(r) }), "/")
}

// topic is often one that a pattern matches, or nearly does.
func (m *model) topic(r *rand.Rand) string {
	var all []modelPattern
	for _, rule := range m.rules {
		all = append(append(all, rule.publish...), rule.subscribe...)
	}
	if len(all) == 0 || r.IntN(4) == 0 {
		return randomTopic(r)
	}
	parts := strings.Split(pick(r, all).text, "/")
	for i, part := range parts {
		if part == "*" || r.IntN(8) == 0 {
			parts[i] = randomSegment(r)
		}
	}
	switch r.IntN(5) {
	case 0:
		parts = append(parts, randomSegment(r))
	case 1:
		parts = parts[:1+r.IntN(len(parts))]
	case 2:
		parts[len(parts)-1] += pick(r, []string{"5", "b", "]", "😀"})
	}
	return strings.Join(parts, "/")
}

func (m *model) printf(format string, args ...any) {
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

// randomModel makes a policy, as a model and as its text. Lines count from 1.
func randomModel(r *rand.Rand) *model {
	m := &model{users: map[string][]string{}, groups: map[string][]string{}, line: 1}
	var names []string
	for i := range 1 + r.IntN(5) {
		name := fmt.Sprint("u", i)
		names = append(names, name)
		m.users[name] = []string{name}
		m.printf("[users.%s]\nuids = [%d]\n", name, i)
		if r.IntN(3) == 0 {
			m.users[name] = some(r, 3, func() string { return fmt.Sprint("u", r.IntN(6)) })
			m.printf("origins = %s\n", quoteAll(m.users[name]))
		}
	}
	m.printf("[groups]\n")
	for i := range r.IntN(4) { // of users and of groups before them
		name := fmt.Sprint("g", i)
		m.groups[name] = some(r, 3, func() string { return pick(r, names) })
		m.printf("%s = %s\n", name, quoteAll(m.groups[name]))
		names = append(names, name)
	}
	names = append(names, "*")
	for range r.IntN(12) {
		m.addRule(r, names)
	}
	return m
}

func (m *model) addRule(r *rand.Rand, names []string) {
	rule := modelRule{allow: r.IntN(3) > 0, users: some(r, 2, func() string { return pick(r, names) })}
	m.printf("%s\nusers = %s\n", map[bool]string{true: "[[allow]]", false: "[[deny]]"}[rule.allow], quoteAll(rule.users))
	what := 1 + r.IntN(3)
	if what&1 != 0 {
		rule.publish = m.patterns(r, "publish")
		if r.IntN(2) == 0 {
			rule.origins = some(r, 2, func() string { return pick(r, []string{"self", "*", "u0", "u1", "u5"}) })
			m.printf("origins = %s\n", quoteAll(rule.origins))
		}
	}
	if what&2 != 0 {
		rule.subscribe = m.patterns(r, "subscribe")
	}
	m.rules = append(m.rules, rule)
}

// patterns writes some, on one line or each on its own.
func (m *model) patterns(r *rand.Rand, key string) (out []modelPattern) {
	end := pick(r, []string{" ", "\n"})
	m.printf("%s = [%s", key, end)
	for range r.IntN(4) {
		text := randomPattern(r)
		out = append(out, modelPattern{text, m.line})
		m.printf("%s,%s", quote(text), end)
	}
	m.printf("]\n")
	return out
}

// frame is a topic on the wire as publishers write it: a string, or the text of another value.
func frame(r *rand.Rand, topic string) []byte {
	if text := []byte(topic); wire.Valid(text) && text[0] != '"' && r.IntN(2) == 0 {
		return text
	}
	frame, err := wire.AppendString(nil, topic)
	if err != nil {
		panic(err)
	}
	return frame
}

// strangeFrame is the same topic, a string, in another encoding.
func strangeFrame(r *rand.Rand, topic string) []byte {
	out := []byte(pick(r, []string{"", "", " ", "\n\t"}) + `"`)
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
			out = fmt.Appendf(out, pick(r, []string{`\u%04x`, `\u%04X`}), c)
		default:
			out = append(out, plain[1:len(plain)-1]...)
		}
	}
	return append(out, pick(r, []string{`"`, `" `, "\"\n"})...)
}
