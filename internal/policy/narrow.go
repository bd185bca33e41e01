package policy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Narrowing a subscription. What may be received is a set of topics; a subscription is a prefix of
// topic frames, byte for byte. The rights below a prefix are covered by longer prefixes:
//
//	rights                     subscription  grants
//	allow ticks                ""            `"ticks"`, `"ticks/` whole
//	allow ticks                `"ticks/eur`  `"ticks/eur` whole
//	allow "", deny ticks/own   `"ticks/`     `"ticks/`: each message has to be checked
//	allow */eur                `"t`          `"t`: each message has to be checked
//	allow ticks                `"q`          none
//	allow ""                   `"$`          none: system topics have to be named
//
// Invariants, for a frame f that is a JSON text:
//
//   - f begins with a whole grant: it is allowed, however it is written.
//   - f is written as docs/wire.md says (as Python's json.dumps writes it), is allowed, and begins with the
//     subscription: it begins with a grant.
//   - Each grant begins with the subscription, and there are at most about 4 maxSteps.

// Grant is a prefix of topic frames.
type Grant struct {
	Prefix []byte
	Whole  bool // every topic that begins with Prefix is allowed: messages need no check
}

// String is the grant for people.
func (g Grant) String() string {
	if g.Whole {
		return fmt.Sprintf("%q whole", g.Prefix)
	}
	return fmt.Sprintf("%q checked", g.Prefix)
}

// Narrow gives the prefixes of topic frames that cover what the user may receive of a subscription to
// prefix. They are new; prefix is not kept. Where there are none, the subscription is denied, and the
// verdict says by what. There may be grants under which nothing is allowed, where rules with * deny
// what others allow.
func (u *User) Narrow(prefix []byte) ([]Grant, Verdict) { return u.narrow(prefix, maxSteps) }

// narrow is Narrow, with another bound than maxSteps.
func (u *User) narrow(prefix []byte, steps int) ([]Grant, Verdict) {
	u.once.Do(u.compile)
	body := bytes.TrimLeft(prefix, jsonSpace)
	n := &narrowing{prefix: prefix, left: steps}
	switch {
	case len(body) == 0:
		n.quotes, n.raw = true, true
	case body[0] == '"':
		s := decodePrefix(body)
		if !s.valid {
			return nil, u.notJSON()
		}
		if s.closed {
			return u.narrowToOne(prefix, s.text)
		}
		n.quotes, n.text = true, s.text
		n.base = prefix[:len(prefix)-len(body)+s.used]
	default:
		if whole := bytes.TrimRight(body, jsonSpace); len(whole) < len(body) && wire.Valid(whole) {
			return u.narrowToOne(prefix, whole) // nothing but white space can follow
		}
		n.raw, n.text, n.base = true, body, prefix
	}
	if !n.isCanonical() {
		n.left = -1
	}
	n.begin(u.subscribeRoots(n.text))
	if len(n.grants) > 0 {
		return n.grants, Verdict{Allowed: true, File: u.file, Line: n.allow}
	}
	return nil, Verdict{File: u.file, Line: n.deny}
}

// maxSteps bounds how many segments of patterns one call looks at, and so how many grants there are: a
// user may send many subscriptions. What lies behind is covered by one grant that is not whole.
const maxSteps = 256

// isCanonical reports whether the subscription is written as docs/wire.md says. For another one there is
// one grant: a prefix can be written in many ways, and each would have its own grants.
func (n *narrowing) isCanonical() bool {
	if len(n.prefix) > 0 && strings.IndexByte(jsonSpace, n.prefix[0]) >= 0 {
		return false
	}
	if len(n.base) == 0 || !n.quotes {
		return true
	}
	frame, err := wire.AppendPrefix(nil, string(n.text))
	return err == nil && bytes.Equal(frame, n.base)
}

// narrowToOne narrows a subscription to one topic.
func (u *User) narrowToOne(prefix, topic []byte) ([]Grant, Verdict) {
	v := u.maySubscribe(topic)
	if !v.Allowed {
		return nil, v
	}
	return []Grant{{slices.Clone(prefix), true}}, v
}

// narrowing is one call of Narrow.
type narrowing struct {
	prefix      []byte // the subscription
	text        []byte // what it says of topics: they begin with this
	base        []byte // the part of prefix that encodes text; with quotes and raw both: none
	quotes, raw bool   // topics may be strings, or other JSON values

	left        int // how many segments of patterns may still be looked at
	grants      []Grant
	allow, deny int // the first lines that allow a part, and that deny one; 0: none
}

// begin walks the whole segments of the text, and leaves the last one, which can go on, to region.
func (n *narrowing) begin(nodes []*node) {
	allow, rest, path := 0, n.text, 0
	for {
		line, denied := n.ends(nodes)
		if denied {
			return
		}
		allow = first(allow, line)
		segment, after, more := bytes.Cut(rest, []byte{'/'})
		if !more {
			break
		}
		path += len(segment) + 1
		rest = after
		nodes = step(nodes, string(segment))
	}
	n.region(nodes, string(n.text[:path]), string(rest), allow)
}

// ends looks at the patterns that end at nodes: the first line that allows, and whether one denies.
func (n *narrowing) ends(nodes []*node) (allow int, denied bool) {
	for _, at := range nodes {
		if at.deny != nil {
			n.deny, denied = first(n.deny, at.deny.any), true
		}
		if at.allow != nil {
			allow = first(allow, at.allow.any)
		}
	}
	return allow, denied
}

// step is where a segment leads to.
func step(nodes []*node, segment string) (next []*node) {
	for _, at := range nodes {
		if c := at.literal[segment]; c != nil {
			next = append(next, c)
		}
		if at.star != nil {
			next = append(next, at.star)
		}
	}
	return next
}

// region covers the topics that begin with path and then a segment that begins with begun. nodes is
// where path leads to, and allow a line that allows all of them, or 0.
func (n *narrowing) region(nodes []*node, path, begun string, allow int) {
	stars := step(nodes, anySegment)
	line, denied := n.ends(stars)
	if denied { // whatever the segment is
		return
	}
	if allow = first(allow, line); allow > 0 {
		n.open(path+begun, allow, !slices.ContainsFunc(nodes, func(at *node) bool { return at.deniesFrom(begun) }))
		return
	}
	if line = allowed(stars); line > 0 { // below any segment
		n.open(path+begun, line, false)
		return
	}
	names := namesOf(nodes, begun)
	if n.left -= len(names); n.left < 0 && len(names) > 0 {
		n.open(path+begun, allowed(nodes), false)
		return
	}
	for _, name := range names {
		n.segment(step(nodes, name), path+name)
	}
}

// segment covers a topic, to which nodes belong, and those below.
func (n *narrowing) segment(nodes []*node, topic string) {
	allow, denied := n.ends(nodes)
	switch {
	case denied:
	case allow > 0:
		n.exact(topic, allow)
		n.open(topic+"/", allow, !slices.ContainsFunc(nodes, func(at *node) bool { return at.hasDeny }))
	case allowed(nodes) > 0:
		n.region(nodes, topic+"/", "", 0)
	}
}

// allowed is the first line of the patterns that allow something at or below nodes; 0: none.
func allowed(nodes []*node) (line int) {
	for _, at := range nodes {
		line = first(line, at.allowed)
	}
	return line
}

// namesOf are the segments that begin with begun and for which nodes have patterns, each once.
func namesOf(nodes []*node, begun string) (names []string) {
	for _, at := range nodes {
		from, to := at.from(begun)
		if len(nodes) == 1 {
			return at.names[from:to]
		}
		if names = append(names, at.names[from:to]...); len(names) > 2*maxSteps {
			break // too many in any case
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// open grants the topics that begin with text, which line allows.
func (n *narrowing) open(text string, line int, whole bool) {
	if line == 0 {
		return
	}
	n.allow = first(n.allow, line)
	if len(text) == len(n.text) {
		n.grants = append(n.grants, Grant{slices.Clone(n.prefix), whole})
		return
	}
	if n.quotes {
		frame := n.encode(text)
		n.grant(frame[:len(frame)-1], whole)
	}
	if n.raw && (text[0] == '[' || text[0] == '{') { // there is a "/" in it: it is no number and no word
		n.grant(n.raws(text), whole)
	}
}

// exact grants one topic, which line allows.
func (n *narrowing) exact(text string, line int) {
	n.allow = first(n.allow, line)
	if n.quotes {
		n.grant(n.encode(text), true)
	}
	if n.raw && wire.Valid([]byte(text)) && text[0] != '"' {
		n.grant(n.raws(text), false) // behind 5 there may be another digit
	}
}

// encode is the frame of a topic that is a string; it begins as the subscription does.
func (n *narrowing) encode(text string) []byte {
	rest, err := wire.AppendString(nil, text[len(n.text):])
	if err != nil { // impossible: patterns are UTF-8, and so is what was decoded
		return []byte{'"', '"'}
	}
	if len(n.base) == 0 {
		return append(slices.Clone(n.prefix), rest...)
	}
	return append(slices.Clone(n.base), rest[1:]...)
}

// raws is the frame of a topic that is another JSON value.
func (n *narrowing) raws(text string) []byte {
	return append(slices.Clone(n.prefix), text[len(n.text):]...)
}

// grant adds a frame, unless the subscription ends in the middle of a character that the frame has not, or
// gets no system topics.
func (n *narrowing) grant(frame []byte, whole bool) {
	if bytes.HasPrefix(frame, n.prefix) && systemtopic.Reaches(n.prefix, frame) {
		n.grants = append(n.grants, Grant{frame, whole})
	}
}
