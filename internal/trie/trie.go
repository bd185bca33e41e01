// Package trie answers whether any of many byte prefixes begins a topic. It hides the tree, a
// compressed radix tree.
//
// Set counts each prefix: adding one twice takes two removals. Matching goes through the topic
// once, so its cost depends on the topic's length and hardly on how many prefixes there are.
//
// Peers choose how long and how many prefixes are, so no function recurses, each step costs at
// most one label (512 bytes), and a prefix of n bytes takes about 1.2 n bytes and a constant.
//
// There are no locks: a Set is guarded by its user's. Match, MatchFrom, Count, All, Each, Under, Tops and the
// sizes only read, and may run at the same time.
package trie

// Set is a counted set of byte prefixes. The zero value is empty.
type Set struct {
	root  node
	size  int // distinct prefixes
	bytes int // their length together
}

// Len is the number of distinct prefixes.
func (s *Set) Len() int { return s.size }

// Bytes is the length of all distinct prefixes together.
func (s *Set) Bytes() int { return s.bytes }

// All reports whether the empty prefix is in the set, so that every topic matches.
func (s *Set) All() bool { return s.root.count > 0 }

// Add counts prefix once more and reports whether it is new. It keeps no reference
// to prefix.
func (s *Set) Add(prefix []byte) bool {
	n := s.root.grow(prefix)
	n.count++
	if n.count > 1 {
		return false
	}
	s.size++
	s.bytes += len(prefix)
	return true
}

// Remove counts prefix once less. last reports that its count is 0 now, known that it was
// in the set.
func (s *Set) Remove(prefix []byte) (last, known bool) {
	parent, n := s.root.find(prefix)
	if n == nil || n.count == 0 {
		return false, false
	}
	n.count--
	if n.count > 0 {
		return false, true
	}
	s.size--
	s.bytes -= len(prefix)
	if s.size == 0 {
		s.root = node{} // without pruning the chain of a long prefix
		return true, true
	}
	s.root.prune(prefix, parent, n)
	return true, true
}

// Count is how often prefix was added and not removed.
func (s *Set) Count(prefix []byte) int {
	if _, n := s.root.find(prefix); n != nil {
		return n.count
	}
	return 0
}

// Match reports whether any prefix in the set begins topic.
func (s *Set) Match(topic []byte) bool {
	n := &s.root
	for n.count == 0 {
		if len(topic) == 0 {
			return false
		}
		if n = n.step(topic); n == nil {
			return false
		}
		topic = topic[len(n.label):]
	}
	return true
}

// MatchFrom is Match for the prefixes of at least least bytes.
func (s *Set) MatchFrom(least int, topic []byte) bool {
	n, depth := &s.root, 0
	for n.count == 0 || depth < least {
		if len(topic) == depth {
			return false
		}
		if n = n.step(topic[depth:]); n == nil {
			return false
		}
		depth += len(n.label)
	}
	return true
}

// Shortest is the length of the shortest prefix in the set that begins topic; ok says that there is
// one.
func (s *Set) Shortest(topic []byte) (n int, ok bool) {
	at := &s.root
	for at.count == 0 {
		if n == len(topic) {
			return 0, false
		}
		if at = at.step(topic[n:]); at == nil {
			return 0, false
		}
		n += len(at.label)
	}
	return n, true
}

// Each calls f with every distinct prefix and its count, in no particular order. f may keep
// the slice, and must not change the set.
func (s *Set) Each(f func(prefix []byte, count int)) {
	s.root.each(nil, false, func(prefix []byte, count int) { f(append([]byte(nil), prefix...), count) })
}

// HasUnder reports whether a prefix in the set begins with stem.
func (s *Set) HasUnder(stem []byte) bool {
	n, _ := s.below(stem)
	return n != nil && s.size > 0
}

// Under calls f with every prefix in the set that itself begins with stem, in no
// particular order. f must neither keep the slice nor change the set.
func (s *Set) Under(stem []byte, f func(prefix []byte)) {
	if n, above := s.below(stem); n != nil {
		n.each(above, false, func(prefix []byte, _ int) { f(prefix) })
	}
}

// Tops is Under without the prefixes that a shorter one of those begins.
func (s *Set) Tops(stem []byte, f func(prefix []byte)) {
	if n, above := s.below(stem); n != nil {
		n.each(above, true, func(prefix []byte, _ int) { f(prefix) })
	}
}

// below is the node at which all prefixes hang that begin with stem, and the part of stem that leads
// to it; nil: there are none.
func (s *Set) below(stem []byte) (n *node, above []byte) {
	n = &s.root
	for rest := stem; len(rest) > 0; {
		i := n.kid(rest[0])
		if i < 0 {
			return nil, nil
		}
		above = stem[:len(stem)-len(rest)]
		n = n.fork.kids[i]
		c := common(n.label, rest)
		if c < len(n.label) && c < len(rest) {
			return nil, nil
		}
		rest = rest[c:]
	}
	return n, above
}

// each calls f with every prefix at n and below, or with tops only with those that no other of them
// begins; above is the prefix that leads to n. f must not keep the slice.
func (n *node) each(above []byte, tops bool, f func(prefix []byte, count int)) {
	type visit struct {
		n     *node
		depth int // length of the prefix above n
	}
	path := append([]byte(nil), above...)
	for stack := []visit{{n, len(above)}}; len(stack) > 0; {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		path = append(path[:v.depth], v.n.label...)
		if v.n.count > 0 {
			f(path, v.n.count)
			if tops {
				continue
			}
		}
		if v.n.fork != nil {
			for _, kid := range v.n.fork.kids {
				stack = append(stack, visit{kid, len(path)})
			}
		}
	}
}
