// Package systemtopic knows the topics that begin with "$", and hides what is special about them:
// a subscription gets them only if it begins with "$" itself, as with MQTT's $SYS. So programs that
// subscribe to everything, those of 1.x too, see nothing of what components publish of themselves,
// which is below "$hermes/":
//
//	$hermes/KIND/NAME/stats    counters, every stats.interval
//	$hermes/KIND/NAME/events   events, as they happen
//
// Topics are first frames here, which are JSON: a string begins with a quotation mark. The rule
// looks at bytes only. A frame that writes the dollar sign in another way ("\u0024") is an ordinary
// topic for subscriptions, as it is for every prefix of 1.x. There is no state, and no lock.
package systemtopic

import (
	"strings"

	"github.com/hermes-zmq/hermes/internal/trie"
)

// Sign begins the first frame of every system topic, and every subscription that gets them.
const Sign = `"$`

// Root begins the first frame of what components publish of themselves.
const Root = `"$hermes/`

// Prefix is Root as a topic.
const Prefix = "$hermes/"

// What a component publishes.
const (
	Stats  = "stats"
	Events = "events"
)

// Is reports whether a first frame is a system topic.
func Is(frame []byte) bool { return len(frame) >= len(Sign) && string(frame[:len(Sign)]) == Sign }

// MayBe reports whether a first frame may be a system topic for those that decode it: it is one, or is written
// with an escape or with white space in front. It decodes nothing.
func MayBe(frame []byte) bool {
	return len(frame) < len(Sign) || frame[0] != '"' || frame[1] == '$' || frame[1] == '\\'
}

// Match reports whether a subscription in the set gets a topic.
func Match(set *trie.Set, frame []byte) bool {
	if Is(frame) {
		return set.MatchFrom(len(Sign), frame)
	}
	return set.Match(frame)
}

// Reaches reports whether a subscription to prefix gets a system topic: it would match, but is not
// one for system topics.
func Reaches(prefix, frame []byte) bool { return len(prefix) >= len(Sign) || !Is(frame) }

// Name is the topic of what a component publishes. A "/" in its name, and a "%", are written as %2F
// and %25: so the topic always has four segments.
func Name(kind, name, what string) string {
	return Prefix + kind + "/" + escape.Replace(name) + "/" + what
}

// Parse undoes Name; ok is false for other topics.
func Parse(topic string) (kind, name, what string, ok bool) {
	rest, ok := strings.CutPrefix(topic, Prefix)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return "", "", "", false
	}
	return parts[0], unescape.Replace(parts[1]), parts[2], true
}

var (
	escape   = strings.NewReplacer("%", "%25", "/", "%2F")
	unescape = strings.NewReplacer("%25", "%", "%2F", "/")
)
