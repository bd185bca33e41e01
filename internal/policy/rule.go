package policy

import "cmp"

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

	quickPublish, quickSubscribe quick
}

// compile makes the trees.
func (s *ruleSet) compile() {
	s.publish, s.subscribe = &node{}, &node{}
	for i := range s.rules {
		if r := &s.rules[i]; r.publish {
			s.publish.add(r)
			s.quickPublish.add(r)
		} else {
			s.subscribe.add(r)
			s.quickSubscribe.add(r)
		}
	}
	s.publish.finish()
	s.subscribe.finish()
}

// bySize compares sets for sorting: the largest first, and of equal ones that which is first in the
// file.
func bySize(a, b *ruleSet) int { return cmp.Compare(len(b.rules), len(a.rules)) }
