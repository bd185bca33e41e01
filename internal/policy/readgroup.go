package policy

import (
	"slices"
	"strings"
)

// groupEntry is a group.
type groupEntry struct {
	line    int
	members []*value
	state   groupState
	users   []*User // once it is expanded: its users and those of its groups, each once
}

// groupState is how far the expansion of a group is.
type groupState uint8

const (
	untouched groupState = iota
	expanding            // meeting it again is a cycle
	expanded
)

// readGroup reads an entry of [groups].
func (r *reader) readGroup(name string, v *value) {
	if other, ok := r.users[name]; ok {
		r.wrong(v.line, "group %s has the name of a user (line %d); give one of them another name", name, other.line)
		return
	}
	g := &groupEntry{line: v.line}
	g.members = r.strings(v, "group "+name, name+` = ["user", "group"]`)
	r.groups[name] = g
}

// expandGroups finds the users of all groups.
func (r *reader) expandGroups() {
	names := make([]string, 0, len(r.groups))
	for name := range r.groups {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return r.groups[a].line - r.groups[b].line })
	for _, name := range names {
		r.expand(name, nil)
	}
}

// expand finds the users of a group. path leads to it, by groups.
func (r *reader) expand(name string, path []string) []*User {
	g := r.groups[name]
	path = append(path, name)
	switch g.state {
	case expanded:
		return g.users
	case expanding:
		begin := slices.Index(path, name)
		r.wrong(g.line, "group %s contains itself: %s; take one of them out", name, strings.Join(path[begin:], " contains "))
		return nil
	}
	g.state = expanding
	found := map[*User]struct{}{}
	add := func(u *User) {
		if _, ok := found[u]; !ok {
			found[u] = struct{}{}
			g.users = append(g.users, u)
		}
	}
	for _, m := range g.members {
		if u := r.policy.users[m.text]; u != nil {
			add(u)
		} else if r.groups[m.text] != nil {
			for _, u := range r.expand(m.text, path) {
				add(u)
			}
		} else {
			r.unknown(m, "group "+name)
		}
	}
	g.state = expanded
	return g.users
}

// unknown reports a name that is neither a user nor a group.
func (r *reader) unknown(v *value, in string) {
	if v.text == everyUser {
		r.wrong(v.line, `%s contains "*"; write users = ["*"] in the rules instead`, in)
		return
	}
	r.wrong(v.line, "%s names %s, which is neither a user nor a group; write [users.%s], or correct the name", in, quoted(v.text), bareKey(v.text))
}
