package policy

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"
)

// reader makes a policy of a document, and collects all that is wrong in it.
type reader struct {
	dir      string // what paths are relative to
	policy   *Policy
	problems []problem

	users   map[string]*userEntry
	groups  map[string]*groupEntry
	sets    map[string]*ruleSet // by the list of users that the rule names
	ordered []*User             // in the order of the text
	files   []string            // of keys, and directories of such
}

// userEntry is a user and what tells it from others, with the lines that say so.
type userEntry struct {
	user *User
	line int
}

// Parse reads the text of a policy. name is what verdicts and errors call it; paths of key files are
// relative to dir. Where the text is wrong, the error is Problems.
func Parse(name, dir string, text []byte) (*Policy, error) {
	p, _, err := parse(name, dir, text)
	return p, err
}

// parse is Parse. files are the files and directories of keys that the text names, in any case.
func parse(name, dir string, text []byte) (p *Policy, files []string, err error) {
	r := &reader{dir: dir, users: map[string]*userEntry{}, groups: map[string]*groupEntry{}, sets: map[string]*ruleSet{}}
	r.policy = &Policy{name: name, users: map[string]*User{}, peers: newIdentities()}
	root, err := parseDocument(text)
	switch wrong := err.(type) {
	case nil:
		r.read(root)
	case problem:
		r.problems = append(r.problems, wrong)
	default:
		return nil, r.files, err
	}
	if len(r.problems) > 0 {
		all := &Problems{file: name, all: r.problems}
		all.sort()
		return nil, r.files, all
	}
	for _, s := range r.sets {
		s.compile()
	}
	return r.policy, r.files, nil
}

// wrong notes a problem.
func (r *reader) wrong(line int, format string, args ...any) {
	r.problems = append(r.problems, problem{line, fmt.Sprintf(format, args...)})
}

func (r *reader) read(root *table) {
	r.onlyKeys(root, "a policy", "users", "groups", "allow", "deny")
	for name, v := range r.tables(root, "users") {
		r.readUser(name, v)
	}
	for name, v := range r.entries(root, "groups") {
		r.readGroup(name, v)
	}
	r.expandGroups()
	for _, action := range []string{"allow", "deny"} {
		r.readRules(root, action)
	}
	if len(r.users) == 0 && len(r.problems) == 0 { // as in a file that is just being written
		r.wrong(1, "there is no user, so that no program could connect; write one as [users.NAME]")
	}
}

// onlyKeys reports the keys of a table that are none of those that it may have.
func (r *reader) onlyKeys(t *table, what string, names ...string) {
	for _, name := range t.names {
		if !slices.Contains(names, name) {
			r.wrong(t.values[name].line, "%s has no key %s; its keys are %s", what, quoted(name), list(names))
		}
	}
}

// list joins names for a message.
func list(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// entries are the keys of a table of the document, in the order of the text.
func (r *reader) entries(root *table, key string) func(yield func(string, *value) bool) {
	return func(yield func(string, *value) bool) {
		v, ok := root.values[key]
		if !ok {
			return
		}
		if v.table == nil {
			r.wrong(v.line, "%s is %s, and not a table; write [%s]", key, v.what(), key)
			return
		}
		for _, name := range v.table.names {
			if entry := v.table.values[name]; r.goodName(name, entry.line) && !yield(name, entry) {
				return
			}
		}
	}
}

// tables are those entries that are tables; others are reported.
func (r *reader) tables(root *table, key string) func(yield func(string, *value) bool) {
	return func(yield func(string, *value) bool) {
		for name, v := range r.entries(root, key) {
			if v.table == nil {
				r.wrong(v.line, "%s.%s is %s, and not a table; write [%s.%s]", key, name, v.what(), key, name)
			} else if !yield(name, v) {
				return
			}
		}
	}
}

// maxName bounds names of users and groups, in bytes.
const maxName = 255

// goodName reports names that users and groups cannot have.
func (r *reader) goodName(name string, line int) bool {
	switch {
	case name == everyUser || name == selfOrigin || name == "":
		r.wrong(line, "%s has a meaning of its own in rules, or none; give the user or group another name", quoted(name))
	case len(name) > maxName || strings.ContainsFunc(name, unicode.IsControl):
		r.wrong(line, "the name %s is longer than %d bytes, or has control characters in it; write a shorter one, of letters", quoted(name), maxName)
	default:
		return true
	}
	return false
}

// texts are the strings of an array, with their lines; nil where there is no such key. example is
// one of them, for messages.
func (r *reader) texts(t *table, what, key, example string) []*value {
	v, ok := t.values[key]
	if !ok {
		return nil
	}
	return r.strings(v, fmt.Sprintf("%s of %s", key, what), fmt.Sprintf("%s = [%q]", key, example))
}

// strings are the elements of an array, all strings; what is something else is reported. It is not nil.
func (r *reader) strings(v *value, what, write string) []*value {
	out := []*value{}
	if v.kind != unstable.Array {
		r.wrong(v.line, "%s is %s, and not an array of strings; write %s", what, v.what(), write)
		return out
	}
	for _, item := range v.list {
		if item.kind != unstable.String {
			r.wrong(item.line, "an element of %s is %s, and not a string; write %s", what, item.what(), write)
			continue
		}
		out = append(out, item)
	}
	return out
}

// path is a path of the file, relative to its directory.
func (r *reader) path(text string) string {
	if filepath.IsAbs(text) {
		return text
	}
	return filepath.Join(r.dir, text)
}
