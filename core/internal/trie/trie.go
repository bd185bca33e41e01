// Package trie answers which of many byte prefixes begin a topic.
//
// Set counts each prefix, as libzmq's subscription table does: subscribing twice
// takes two cancellations. Matching walks the topic once, so its cost depends on
// the topic's length and never on how many prefixes there are.
package trie

// Set is a counted set of byte prefixes. The zero value is empty. It is not safe
// for use from several goroutines at once.
type Set struct {
	root  node
	size  int
	bytes int
}

// node is one byte's step. Most nodes of a topic tree have one child, so that
// case carries no map.
type node struct {
	count int
	only  *node
	label byte
	kids  map[byte]*node
}

// Len is the number of distinct prefixes.
func (s *Set) Len() int { return s.size }

// Bytes is the length of all distinct prefixes together.
func (s *Set) Bytes() int { return s.bytes }

// Add counts prefix once more and reports whether it is new.
func (s *Set) Add(prefix []byte) bool {
	n := &s.root
	for _, c := range prefix {
		n = n.grow(c)
	}
	n.count++
	if n.count > 1 {
		return false
	}
	s.size++
	s.bytes += len(prefix)
	return true
}

// Remove counts prefix once less. last reports that it is gone now, known whether
// it was there at all.
func (s *Set) Remove(prefix []byte) (last, known bool) {
	n := s.find(prefix)
	if n == nil || n.count == 0 {
		return false, false
	}
	n.count--
	if n.count > 0 {
		return false, true
	}
	s.size--
	s.bytes -= len(prefix)
	s.root.prune(prefix)
	return true, true
}

// Count is how often prefix was added and not removed.
func (s *Set) Count(prefix []byte) int {
	if n := s.find(prefix); n != nil {
		return n.count
	}
	return 0
}

// Match reports whether any prefix in the set begins topic.
func (s *Set) Match(topic []byte) bool {
	n := &s.root
	if n.count > 0 {
		return true
	}
	for _, c := range topic {
		if n = n.step(c); n == nil {
			return false
		}
		if n.count > 0 {
			return true
		}
	}
	return false
}

// All reports whether the empty prefix is in the set, so that every topic matches.
func (s *Set) All() bool { return s.root.count > 0 }

// Each calls f with every distinct prefix and its count. f may keep the slice, and
// must not change the set.
func (s *Set) Each(f func(prefix []byte, count int)) { s.root.each(nil, f) }

func (s *Set) find(prefix []byte) *node {
	n := &s.root
	for _, c := range prefix {
		if n = n.step(c); n == nil {
			return nil
		}
	}
	return n
}

func (n *node) step(c byte) *node {
	if n.only != nil {
		if n.label == c {
			return n.only
		}
		return nil
	}
	return n.kids[c]
}

func (n *node) grow(c byte) *node {
	if k := n.step(c); k != nil {
		return k
	}
	k := &node{}
	switch {
	case n.kids != nil:
		n.kids[c] = k
	case n.only != nil:
		n.kids = map[byte]*node{n.label: n.only, c: k}
		n.only = nil
	default:
		n.only, n.label = k, c
	}
	return k
}

// prune drops the nodes along path that lead to no prefix any more. It walks
// without recursion: a peer chooses the length of a prefix.
func (n *node) prune(path []byte) {
	keep, at := n, 0 // the last node on the path that must stay, and its depth
	cur := n
	for i, c := range path {
		if cur.count > 0 || cur.only == nil && len(cur.kids) > 1 {
			keep, at = cur, i
		}
		cur = cur.step(c)
	}
	if cur.only != nil || len(cur.kids) > 0 {
		return // longer prefixes go on from here
	}
	keep.drop(path, at)
}

func (n *node) drop(path []byte, at int) {
	if len(path) == 0 {
		return
	}
	c := path[at]
	if n.only != nil {
		n.only = nil
		return
	}
	delete(n.kids, c)
	if len(n.kids) == 1 {
		for label, kid := range n.kids {
			n.only, n.label = kid, label
		}
		n.kids = nil
	}
}

func (n *node) each(prefix []byte, f func([]byte, int)) {
	type visit struct {
		n      *node
		prefix []byte
	}
	for stack := []visit{{n, prefix}}; len(stack) > 0; {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if v.n.count > 0 {
			f(v.prefix, v.n.count)
		}
		push := func(c byte, k *node) {
			stack = append(stack, visit{k, append(v.prefix[:len(v.prefix):len(v.prefix)], c)})
		}
		if v.n.only != nil {
			push(v.n.label, v.n.only)
		}
		for c, k := range v.n.kids {
			push(c, k)
		}
	}
}
