package policy

import (
	"cmp"
	"strings"
)

// rule is one pattern of a rule of the file.
type rule struct {
	pattern []string // its segments
	line    int      // of the pattern
	publish bool     // and otherwise subscribe
	allow   bool     // and otherwise deny
	origins origins  // in whose name; for publish
}

// origins are the origins that a rule for publishing is about.
type origins struct {
	any   bool
	self  bool // those of the user
	names []string
}

// ruleSet is the rules of all [[allow]] and [[deny]] that name the same users. Its trees are shared
// by these users.
type ruleSet struct {
	rules              []rule
	publish, subscribe *node

	// The same for system topics (package systemtopic): what allows these names them.
	publishSystem, subscribeSystem *node

	quickPublish, quickSubscribe quick
}

// compile makes the trees.
func (s *ruleSet) compile() {
	s.publish, s.subscribe = &node{}, &node{}
	s.publishSystem, s.subscribeSystem = &node{}, &node{}
	for i := range s.rules {
		if r := &s.rules[i]; r.publish {
			s.publish.add(r)
			s.quickPublish.add(r)
			s.publishSystem.addSystem(r)
		} else {
			s.subscribe.add(r)
			s.quickSubscribe.add(r)
			s.subscribeSystem.addSystem(r)
		}
	}
	for _, root := range []*node{s.publish, s.subscribe, s.publishSystem, s.subscribeSystem} {
		root.finish()
	}
}

// addSystem is add for a tree that is asked about system topics. A pattern that matches every topic, or
// any first segment, denies them and does not allow them: what components publish of themselves tells of
// all users.
func (n *node) addSystem(r *rule) {
	named := len(r.pattern) > 0 && strings.HasPrefix(r.pattern[0], "$")
	if named || !r.allow && (len(r.pattern) == 0 || r.pattern[0] == anySegment) {
		n.add(r)
	}
}

// bySize compares sets for sorting: the largest first, and of equal ones that which is first in the
// file.
func bySize(a, b *ruleSet) int { return cmp.Compare(len(b.rules), len(a.rules)) }
