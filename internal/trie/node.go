package trie

import "bytes"

// maxLabel bounds the label of one node, in bytes. Splitting and joining copy labels, so that
// no node keeps the bytes of a removed prefix alive; the bound keeps such a copy cheap,
// whatever lengths a peer chooses.
const maxLabel = 512

// node is a step in a prefix: its parent's prefix followed by label. Only the root's label is
// empty. Most nodes are leaves, and a leaf has no fork.
type node struct {
	label string
	count int // how often the prefix that ends here is in the set
	fork  *fork
}

// fork is the children of a node: first[i] is the first byte of kids[i]'s label.
type fork struct {
	first []byte
	kids  []*node
}

// kid is the position of the child whose label begins with c, or -1.
func (n *node) kid(c byte) int {
	if n.fork == nil {
		return -1
	}
	return bytes.IndexByte(n.fork.first, c)
}

// step is the child whose whole label begins rest, or nil. rest is not empty.
func (n *node) step(rest []byte) *node {
	f := n.fork
	if f == nil {
		return nil
	}
	k := f.kids[0]
	if len(f.kids) > 1 {
		i := bytes.IndexByte(f.first, rest[0])
		if i < 0 {
			return nil
		}
		k = f.kids[i]
	}
	if len(k.label) > len(rest) || string(rest[:len(k.label)]) != k.label {
		return nil
	}
	return k
}

// find is the node at which prefix ends, and its parent; nil where there is none.
func (n *node) find(prefix []byte) (parent, found *node) {
	for len(prefix) > 0 {
		parent = n
		if n = n.step(prefix); n == nil {
			return nil, nil
		}
		prefix = prefix[len(n.label):]
	}
	return parent, n
}

// grow is the node at which prefix ends, made if need be.
func (n *node) grow(prefix []byte) *node {
	for len(prefix) > 0 {
		i := n.kid(prefix[0])
		if i < 0 {
			k := &node{label: string(prefix[:min(len(prefix), maxLabel)])}
			n.attach(k)
			n, prefix = k, prefix[len(k.label):]
			continue
		}
		k := n.fork.kids[i]
		if c := common(k.label, prefix); c < len(k.label) {
			k = k.split(c)
			n.fork.kids[i] = k
		}
		n, prefix = k, prefix[len(k.label):]
	}
	return n
}

// common is the length of the longest prefix that a and b share.
func common(a string, b []byte) int {
	n := min(len(a), len(b))
	for i := 0; i < n; i++ {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// split cuts n's label behind its first c bytes and returns the new node above n.
func (n *node) split(c int) *node {
	above := &node{label: clone(n.label[:c])}
	n.label = clone(n.label[c:])
	above.attach(n)
	return above
}

// clone gives a label memory of its own.
func clone(s string) string { return string(append([]byte(nil), s...)) }

// attach adds a child. The first one gets exactly the room it needs, for the
// chains that long prefixes make.
func (n *node) attach(k *node) {
	if n.fork == nil {
		n.fork = &fork{first: []byte{k.label[0]}, kids: []*node{k}}
		return
	}
	n.fork.first = append(n.fork.first, k.label[0])
	n.fork.kids = append(n.fork.kids, k)
}

// detach removes the child whose label begins with c.
func (n *node) detach(c byte) {
	f, i := n.fork, n.kid(c)
	end := len(f.kids) - 1
	f.first[i], f.kids[i] = f.first[end], f.kids[end]
	f.kids[end] = nil
	f.first, f.kids = f.first[:end], f.kids[:end]
	switch {
	case end == 0:
		n.fork = nil
	case cap(f.kids) > 8 && end < cap(f.kids)/4: // many children were removed: shrink
		f.first = append(make([]byte, 0, 2*end), f.first...)
		f.kids = append(make([]*node, 0, 2*end), f.kids...)
	}
}

// prune removes nodes that lead to no prefix, and joins two nodes where one is enough, around
// found, the node at which prefix ends and whose count has just become 0.
func (n *node) prune(prefix []byte, parent, found *node) {
	switch {
	case parent == nil:
		return // the root is never removed
	case found.fork != nil:
		found.join()
		parent.join()
		return
	}
	above, keep, c := n.lastFork(prefix)
	keep.detach(c)
	keep.join()
	if above != nil {
		above.join()
	}
}

// lastFork finds the deepest node along prefix that has to stay when the end of prefix is
// removed (keep), its parent (above), and the first byte of the branch to remove.
func (n *node) lastFork(prefix []byte) (above, keep *node, c byte) {
	var parent *node
	for cur := n; len(prefix) > 0; {
		if cur == n || cur.count > 0 || len(cur.fork.kids) > 1 {
			above, keep, c = parent, cur, prefix[0]
		}
		parent = cur
		cur = cur.step(prefix)
		prefix = prefix[len(cur.label):]
	}
	return above, keep, c
}

// join merges n with its only child, if no prefix ends at n, n is not the root, and both
// labels fit into one.
func (n *node) join() {
	if n.label == "" || n.count > 0 || n.fork == nil || len(n.fork.kids) != 1 {
		return
	}
	k := n.fork.kids[0]
	if len(n.label)+len(k.label) > maxLabel {
		return
	}
	n.label += k.label
	n.count, n.fork = k.count, k.fork
}
