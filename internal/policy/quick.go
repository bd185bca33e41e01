package policy

import (
	"strings"

	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// quick answers most questions about a rule set by the bytes of frames: an allowed prefix begins the topic,
// and no denied one does. It says yes, or does not know; then the trees decide.
//
// It looks at plain strings only (wire.IsPlainString), of which there is one way to write each. A
// pattern that has a segment *, or characters that are escaped on the wire, allows nothing here, and
// denies all that begins with what stands in front of these. The tests compare quick with the trees.
type quick struct {
	byAny  trie.Set // prefixes of topic frames that are allowed in the name of any origin
	bySelf trie.Set // ... in the name of the user's own origins
	denied trie.Set // prefixes of which some, for some origins, are denied
}

// add takes a rule in.
func (q *quick) add(r *rule) {
	head, whole := plainHead(r.pattern)
	switch {
	case !r.allow:
		q.denied.Add(head)
	case !whole:
	case !r.publish || r.origins.any:
		r.addFrames(&q.byAny, head)
	case r.origins.self:
		r.addFrames(&q.bySelf, head)
	}
}

// addFrames adds the topic frames that the pattern matches, which is plain: the topic itself, and what
// is below it.
func (r *rule) addFrames(to *trie.Set, head []byte) {
	if len(r.pattern) == 0 {
		to.Add(head)
		return
	}
	to.Add(append(head[:len(head):len(head)], '"'))
	to.Add(append(head, '/'))
}

// plainHead is the beginning of the topic frames that a pattern matches, up to what is not plain;
// whole says that this is all of the pattern.
func plainHead(pattern []string) (head []byte, whole bool) {
	literal := pattern
	for i, segment := range pattern {
		if segment == anySegment {
			literal = append(pattern[:i:i], "") // with the "/" in front of the *
			break
		}
	}
	text := strings.Join(literal, "/")
	plain := text
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			plain = text[:i]
			break
		}
	}
	return append([]byte{'"'}, plain...), len(literal) == len(pattern) && len(plain) == len(text) &&
		(len(pattern) == 0 || pattern[len(pattern)-1] != anySegment)
}

// quickly asks the sets of a user about a plain topic: whether one of them allows it, and none may
// deny it.
func quickly(sets []*quick, topic []byte, self bool) bool {
	allowed := false
	for _, q := range sets {
		if q.denied.Match(topic) {
			return false
		}
		allowed = allowed || systemtopic.Match(&q.byAny, topic) || self && systemtopic.Match(&q.bySelf, topic)
	}
	return allowed
}

// QuicklyPublishes reports whether PublishFrames allows it, as far as that can be known at once. It
// allocates nothing, and looks at little memory.
func (u *User) QuicklyPublishes(topic, origin []byte) bool {
	u.once.Do(u.compile)
	self := u.isSelf(origin)
	return (self || wire.IsPlainString(origin)) && wire.IsPlainString(topic) && quickly(u.quickPublish, topic, self)
}

// QuicklyReceives reports whether SubscribeFrame allows a topic, as far as that can be known at once.
func (u *User) QuicklyReceives(topic []byte) bool {
	u.once.Do(u.compile)
	return wire.IsPlainString(topic) && quickly(u.quickSubscribe, topic, false)
}

// PublishRegion is a beginning of a topic frame below which the user may publish everything in the name
// of this origin, however it is written, but system topics; nil: none is known. It is part of topic.
func (u *User) PublishRegion(topic, origin []byte) []byte {
	u.once.Do(u.compile)
	self := u.isSelf(origin)
	if !self && !wire.IsPlainString(origin) || systemtopic.MayBe(topic) {
		return nil
	}
	size := len(topic) + 1
	for _, q := range u.quickPublish {
		if n, ok := q.byAny.Shortest(topic); ok {
			size = min(size, n)
		}
		if n, ok := q.bySelf.Shortest(topic); ok && self {
			size = min(size, n)
		}
	}
	if size > len(topic) {
		return nil
	}
	region := topic[:size]
	for _, q := range u.quickPublish {
		if q.denied.Match(region) || q.denied.HasUnder(region) {
			return nil
		}
	}
	return region
}

// isSelf reports whether an origin frame is written as one of the user's own origins.
func (u *User) isSelf(origin []byte) bool {
	for _, own := range u.originFrames {
		if string(own) == string(origin) {
			return true
		}
	}
	return false
}
