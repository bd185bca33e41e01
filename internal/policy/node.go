package policy

import (
	"bytes"
	"slices"
	"sort"
	"strings"
)

// node is a node of a tree of patterns: one level is one segment. A tree does not change once
// finish has been called.
type node struct {
	literal     map[string]*node
	star        *node  // what follows a *
	allow, deny *lines // of the patterns that end here; nil: none

	// What finish finds, for Narrow.
	names   []string // the keys of literal, sorted
	denies  []int32  // for each i up to len(names): how many of names[:i] lead to a pattern that denies
	allowed int      // the first line of the patterns that allow something here or below; 0: none
	hasDeny bool     // a pattern that denies ends here or below
}

// lines are the lines of the patterns that end at one node, by what they say of origins: of each
// kind the first in the file, and 0 where there is none.
type lines struct {
	any, self int
	named     map[string]int
	all       int // the first of all of them
}

// add adds a pattern. Subscriptions are of any origin.
func (n *node) add(r *rule) {
	for _, segment := range r.pattern {
		n = n.child(segment)
	}
	ends := &n.deny
	if r.allow {
		ends = &n.allow
	}
	if *ends == nil {
		*ends = &lines{}
	}
	(*ends).add(r)
}

// child is the node of a segment, which is made where there is none.
func (n *node) child(segment string) *node {
	if segment == anySegment {
		if n.star == nil {
			n.star = &node{}
		}
		return n.star
	}
	c := n.literal[segment]
	if c == nil {
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		c = &node{}
		n.literal[segment] = c
	}
	return c
}

func (l *lines) add(r *rule) {
	l.all = first(l.all, r.line)
	if !r.publish || r.origins.any {
		l.any = first(l.any, r.line)
	}
	if r.origins.self {
		l.self = first(l.self, r.line)
	}
	for _, name := range r.origins.names {
		if l.named == nil {
			l.named = map[string]int{}
		}
		l.named[name] = first(l.named[name], r.line)
	}
}

// first is the first of two lines, of which 0 is none.
func first(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// finish sorts the names, and notes what is below. What is below a pattern that denies every
// origin cannot allow anything.
func (n *node) finish() {
	if n.allow != nil {
		n.allowed = n.allow.all
	}
	n.hasDeny = n.deny != nil
	n.names = make([]string, 0, len(n.literal))
	for name, c := range n.literal {
		n.names = append(n.names, name)
		n.include(c)
	}
	if n.star != nil {
		n.include(n.star)
	}
	if n.deny != nil && n.deny.any > 0 {
		n.allowed = 0
	}
	slices.Sort(n.names)
	if !n.hasDeny {
		return
	}
	n.denies = make([]int32, 1, len(n.names)+1)
	for i, name := range n.names {
		sum := n.denies[i]
		if n.literal[name].hasDeny {
			sum++
		}
		n.denies = append(n.denies, sum)
	}
}

func (n *node) include(c *node) {
	c.finish()
	n.allowed = first(n.allowed, c.allowed)
	n.hasDeny = n.hasDeny || c.hasDeny
}

// from is the range of the names that begin with begun.
func (n *node) from(begun string) (from, to int) {
	from, _ = slices.BinarySearch(n.names, begun)
	return from, from + sort.Search(len(n.names)-from, func(i int) bool { return !strings.HasPrefix(n.names[from+i], begun) })
}

// deniesFrom reports whether a pattern denies something below whose next segment begins with begun.
func (n *node) deniesFrom(begun string) bool {
	if !n.hasDeny {
		return false
	}
	from, to := n.from(begun)
	return n.star != nil && n.star.hasDeny || n.denies[to] > n.denies[from]
}

// question is what a tree is asked, and what has been found so far.
type question struct {
	publish bool
	origin  []byte // for publish
	self    bool   // origin is one of the user's

	allow, deny int // the first lines that say so; 0: none
	other       int // the first line that allows it for another origin
}

// walk finds the patterns that match a topic. rest is what follows the segments that lead to n;
// more is false where no segment follows. (An empty rest is an empty segment.)
func (q *question) walk(n *node, rest []byte, more bool) {
	if n.allow != nil {
		line := q.line(n.allow)
		q.allow = first(q.allow, line)
		if line == 0 {
			q.other = first(q.other, n.allow.all)
		}
	}
	if n.deny != nil {
		q.deny = first(q.deny, q.line(n.deny))
	}
	if !more {
		return
	}
	segment := rest
	at := bytes.IndexByte(rest, '/')
	if more = at >= 0; more {
		segment, rest = rest[:at], rest[at+1:]
	}
	if c := n.literal[string(segment)]; c != nil {
		q.walk(c, rest, more)
	}
	if n.star != nil {
		q.walk(n.star, rest, more)
	}
}

// line is the first line of l that is about the origin of the question.
func (q *question) line(l *lines) int {
	line := l.any
	if !q.publish {
		return line
	}
	if q.self {
		line = first(line, l.self)
	}
	if l.named != nil {
		line = first(line, l.named[string(q.origin)])
	}
	return line
}
