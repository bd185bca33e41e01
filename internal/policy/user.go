package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// User is a user of one policy. It does not change, and may be used from any goroutine.
type User struct {
	name    string
	file    string
	origins map[string]struct{} // in whose name it may speak
	sets    []*ruleSet          // the rules that are about it

	once               sync.Once // makes what follows
	publish, subscribe []*node   // the trees that have to be asked

	publishSystem, subscribeSystem []*node // the same about system topics

	quickPublish, quickSubscribe []*quick // of the same sets
	originFrames                 [][]byte // origins, as they are written on the wire
}

// sharedTrees is how many trees of a user may be those of rule sets, which it shares with others;
// further ones are merged into one of its own. A verdict walks each of them.
const sharedTrees = 3

// shortText is the length of topics and origins for which verdicts allocate nothing.
const shortText = 256

// longestTopic is how much of a topic a refusal shows, in bytes.
const longestTopic = 200

// Name is the user's name.
func (u *User) Name() string { return u.name }

// compile makes the trees, when the user is first asked for.
func (u *User) compile() {
	sets := slices.Clone(u.sets)
	slices.SortStableFunc(sets, bySize)
	if len(sets) > sharedTrees+1 {
		own := &ruleSet{}
		for _, s := range sets[sharedTrees:] {
			own.rules = append(own.rules, s.rules...)
		}
		own.compile()
		sets = append(sets[:sharedTrees], own)
	}
	for _, s := range sets {
		u.publish = append(u.publish, s.publish)
		u.subscribe = append(u.subscribe, s.subscribe)
		u.publishSystem = append(u.publishSystem, s.publishSystem)
		u.subscribeSystem = append(u.subscribeSystem, s.subscribeSystem)
		u.quickPublish = append(u.quickPublish, &s.quickPublish)
		u.quickSubscribe = append(u.quickSubscribe, &s.quickSubscribe)
	}
	for origin := range u.origins {
		if frame, err := wire.AppendString(nil, origin); err == nil {
			u.originFrames = append(u.originFrames, frame)
		}
	}
}

// Publish says whether the user may publish a topic in the name of an origin.
func (u *User) Publish(topic, origin string) Verdict {
	var t, o [shortText]byte
	return u.mayPublish(append(t[:0], topic...), append(o[:0], origin...))
}

// Subscribe says whether the user may receive a topic.
func (u *User) Subscribe(topic string) Verdict {
	var t [shortText]byte
	return u.maySubscribe(append(t[:0], topic...))
}

// PublishFrames is Publish for frames of the wire. A JSON value that is no string counts as its
// text.
func (u *User) PublishFrames(topic, origin []byte) Verdict {
	var t, o [shortText]byte
	topic, ok := textOf(topic, t[:0])
	if !ok {
		return u.notJSON()
	}
	if origin, ok = textOf(origin, o[:0]); !ok {
		return u.notJSON()
	}
	return u.mayPublish(topic, origin)
}

// SubscribeFrame is Subscribe for a topic frame of the wire.
func (u *User) SubscribeFrame(topic []byte) Verdict {
	var t [shortText]byte
	topic, ok := textOf(topic, t[:0])
	if !ok {
		return u.notJSON()
	}
	return u.maySubscribe(topic)
}

// Publishes reports whether a rule lets the user publish anything, as far as no other denies it.
func (u *User) Publishes() bool {
	u.once.Do(u.compile)
	return slices.ContainsFunc(u.publish, func(root *node) bool { return root.allowed > 0 })
}

// Subscribes is Publishes for subscribing.
func (u *User) Subscribes() bool {
	u.once.Do(u.compile)
	return slices.ContainsFunc(u.subscribe, func(root *node) bool { return root.allowed > 0 })
}

func (u *User) mayPublish(topic, origin []byte) Verdict {
	u.once.Do(u.compile)
	_, self := u.origins[string(origin)]
	q := question{publish: true, origin: origin, self: self}
	roots := u.publish
	if isSystem(topic) {
		roots = u.publishSystem
	}
	for _, root := range roots {
		q.walk(root, topic, true)
	}
	return u.verdict(&q)
}

func (u *User) maySubscribe(topic []byte) Verdict {
	u.once.Do(u.compile)
	var q question
	for _, root := range u.subscribeRoots(topic) {
		q.walk(root, topic, true)
	}
	return u.verdict(&q)
}

// subscribeRoots are the trees to be asked about a topic, or about topics that begin with a text.
func (u *User) subscribeRoots(topic []byte) []*node {
	if isSystem(topic) {
		return u.subscribeSystem
	}
	return u.subscribe
}

// isSystem reports whether a topic is a system topic, or a text the beginning of some.
func isSystem(topic []byte) bool { return len(topic) > 0 && topic[0] == '$' }

// verdict is that of an answered question: what is denied is denied, whatever allows it.
func (u *User) verdict(q *question) Verdict {
	switch {
	case q.deny > 0:
		return Verdict{File: u.file, Line: q.deny}
	case q.allow > 0:
		return Verdict{Allowed: true, File: u.file, Line: q.allow}
	case q.other > 0:
		return Verdict{File: u.file, Line: q.other, cause: otherOrigin}
	}
	return Verdict{File: u.file}
}

func (u *User) notJSON() Verdict { return Verdict{File: u.file, cause: notJSON} }

// Refusal is the text for a peer that is refused, and for logs. verb is "publish" or "subscribe to".
// A topic that is empty, long or not printable is quoted: it comes from the network.
func (u *User) Refusal(verb, topic string, v Verdict) string {
	if topic == "" || len(topic) > longestTopic || strings.ContainsFunc(topic, func(r rune) bool { return !strconv.IsPrint(r) }) {
		if len(topic) > longestTopic {
			topic = topic[:longestTopic] + "..."
		}
		topic = strconv.Quote(topic)
	}
	return fmt.Sprintf("user %s may not %s %s (%s)", u.name, verb, topic, v.Reason())
}

// Text is a topic or origin frame for people, as it is where it is no JSON text. It is UTF-8.
func Text(frame []byte) string {
	text, ok := textOf(frame, nil)
	if !ok {
		text = frame
	}
	return readable(text)
}

// readable is a text with U+FFFD in place of what is not UTF-8.
func readable(text []byte) string { return strings.ToValidUTF8(string(text), "\uFFFD") }

// PrefixText is Text for the beginning of a topic frame. It is UTF-8.
func PrefixText(prefix []byte) string {
	if len(prefix) > 0 && prefix[0] == '"' {
		return readable(decodePrefix(prefix).text)
	}
	return readable(prefix)
}

// textOf is the text of a frame, a JSON text, as wire.Text gives it.
func textOf(frame, scratch []byte) (text []byte, ok bool) {
	if !wire.ValidString(frame) && !wire.Valid(frame) {
		return nil, false
	}
	return wire.Text(frame, scratch), true
}
