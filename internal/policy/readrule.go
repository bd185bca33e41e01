package policy

import (
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// What rules write for all users, for all origins, and for those of the user.
const (
	everyUser  = "*"
	anyOrigin  = "*"
	selfOrigin = "self"
)

// readRules reads all [[allow]] or [[deny]].
func (r *reader) readRules(root *table, action string) {
	v, ok := root.values[action]
	if !ok {
		return
	}
	if v.kind != unstable.ArrayTable && v.kind != unstable.Array {
		r.wrong(v.line, "%s is %s, and not an array of tables; write [[%s]]", action, v.what(), action)
		return
	}
	for _, item := range v.list {
		if item.table == nil {
			r.wrong(item.line, "%s is %s, and not a table; write [[%s]]", action, item.what(), action)
			continue
		}
		r.readRule(item.table, action)
	}
}

func (r *reader) readRule(t *table, action string) {
	what := "[[" + action + "]]"
	r.onlyKeys(t, what, "users", "publish", "subscribe", "origins")
	set := r.set(t, what)
	publish := r.texts(t, what, "publish", "ticks")
	subscribe := r.texts(t, what, "subscribe", "ticks")
	if publish == nil && subscribe == nil {
		r.wrong(t.line, "%s has neither publish nor subscribe; write the topics, as in publish = [\"ticks\"]", what)
	}
	from := r.origins(t, what, action == "allow")
	if t.values["origins"] != nil && publish == nil {
		r.wrong(t.values["origins"].line, "%s has origins and no publish; origins are about publishing, so take them out", what)
	}
	r.patterns(set, publish, rule{publish: true, allow: action == "allow", origins: from})
	r.patterns(set, subscribe, rule{allow: action == "allow"})
}

// patterns adds a rule to a set for each pattern of a list.
func (r *reader) patterns(set *ruleSet, texts []*value, like rule) {
	for _, text := range texts {
		segments, err := parsePattern(text.text)
		if err != nil {
			r.wrong(text.line, "pattern %s: %v", quoted(text.text), err)
			continue
		}
		like.pattern, like.line = segments, text.line
		set.rules = append(set.rules, like)
	}
}

// origins reads the origins of a rule. Without them an [[allow]] is about the user's own, and a
// [[deny]] about all.
func (r *reader) origins(t *table, what string, allow bool) (o origins) {
	texts := r.texts(t, what, "origins", selfOrigin)
	if texts == nil {
		return origins{self: allow, any: !allow}
	}
	if len(texts) == 0 {
		r.wrong(t.values["origins"].line, "origins of %s is empty; write names, %q for the user's own, or %q for all", what, selfOrigin, anyOrigin)
	}
	for _, text := range texts {
		switch text.text {
		case anyOrigin:
			o.any = true
		case selfOrigin:
			o.self = true
		default:
			o.names = append(o.names, text.text)
		}
	}
	return o
}

// set is the set of the users that a rule names, which is made where there is none.
func (r *reader) set(t *table, what string) *ruleSet {
	texts := r.texts(t, what, "users", everyUser)
	if len(texts) == 0 {
		r.wrong(t.line, "%s has no users; write names of users and groups, or users = [\"*\"] for all", what)
	}
	names := make([]string, len(texts))
	for i, text := range texts {
		names[i] = text.text
	}
	key := strings.Join(names, "\x00")
	if s, ok := r.sets[key]; ok {
		return s
	}
	s := &ruleSet{}
	r.sets[key] = s
	members := map[*User]struct{}{}
	add := func(users []*User) {
		for _, u := range users {
			if _, ok := members[u]; !ok {
				members[u] = struct{}{}
				u.sets = append(u.sets, s)
			}
		}
	}
	for _, text := range texts {
		switch u, g := r.policy.users[text.text], r.groups[text.text]; {
		case text.text == everyUser:
			add(r.ordered)
		case u != nil:
			add([]*User{u})
		case g != nil:
			add(g.users)
		default:
			r.unknown(text, what)
		}
	}
	return s
}

// bareKey is a name as a key in TOML.
func bareKey(name string) string {
	if name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == "" {
		return name
	}
	return strconv.Quote(name)
}
