// Package natssubject hides how topics become NATS subjects: the first frame of a message, as
// bytes, becomes a subject, and a subscription, which is a prefix of that frame, becomes filters
// that let every topic with this prefix through.
//
// Both look at bytes only, from left to right, so whatever holds for a prefix holds for every
// topic that begins with it. JSON is not decoded: a topic that two senders encode differently has
// two subjects, as it has two sets of subscriptions that match it.
//
//	frame            subject                     prefix     filters
//	"ticks/BTCUSD"   hermes.t.ticks.BTCUSD       "ticks/    hermes.t.ticks.>
//	"a.b//c"         hermes.t.a%2Eb.%.c          "ticks/B   hermes.t.ticks.>
//	"a (no end)      hermes.t.a%-                "ticks/B"  hermes.t.ticks.B
//	5                hermes.r.5                  (empty)    hermes.t.> and hermes.r.>
//	"$hermes/a"      hermes.s.$hermes.a          "$hermes/  hermes.s.$hermes.>
//
// Rules. A frame that begins with a quotation mark is cut at "/" between that and the next one that no
// backslash escapes; what stands behind is ignored. Every other frame is cut as it is, below another
// root. System topics (package systemtopic) have a root of their own: subscriptions to everything do not match them. Each segment is one token: bytes that NATS gives a meaning, "%", and all that is not printable
// ASCII are %XX; an empty segment is "%". A subject has at most MaxSegments tokens and MaxBytes bytes
// behind its root; what exceeds them becomes one token, "%+" and a digest of the rest. "%-" marks a
// string that does not end. There is no state, and no lock.
package natssubject

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// MaxSegments and MaxBytes bound a subject, behind its root. NATS accepts more, but its documents
// advise 16 tokens, and a line of its protocol has at most 4 KiB.
const (
	MaxSegments = 16
	MaxBytes    = 1024
)

const (
	empty      = "%"  // the token of an empty segment
	rest       = "%+" // begins the token that stands for everything that was cut
	unended    = "%-" // ends the subject of a string without its second quotation mark
	digestSize = 16   // bytes of SHA-256 that identify what was cut
	// room is what whole tokens may take where more follow, so that what is cut finds space.
	room = MaxBytes - len(".") - len(rest) - 2*digestSize - len(unended)
)

// Space is the subjects of one backbone. Each field ends with a dot.
type Space struct {
	Text    string // root of topics that are strings: "hermes.t."
	Raw     string // of all others: "hermes.r."
	System  string // of system topics, in place of Text: "hermes.s."
	Durable string // of durable topics, in place of Text: "hermes.d."
	Control string // of what sites tell each other: "hermes.c."
}

// New makes the Space of a cluster, whose name is the first token of all its subjects, so that several
// clusters can use the same NATS servers.
func New(cluster string) (Space, error) {
	if cluster == "" || len(cluster) > 64 || strings.Trim(cluster, nameBytes) != "" || cluster[0] == '_' {
		return Space{}, errs.Errorf(errs.EINVAL, "cannot use the cluster name %.80q: it is part of NATS subjects, so use 1 to 64 letters, digits, - and _, and no _ in front", cluster)
	}
	return Space{Text: cluster + ".t.", Raw: cluster + ".r.", System: cluster + ".s.", Durable: cluster + ".d.", Control: cluster + ".c."}, nil
}

const nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// AppendSubject appends the subject of a message with this first frame.
func (s Space) AppendSubject(dst, frame []byte) []byte {
	if len(frame) == 0 || frame[0] != '"' {
		return appendSubject(append(dst, s.Raw...), frame, true)
	}
	body, ended := cutString(frame)
	return appendSubject(append(dst, s.root(frame)...), body, ended)
}

// AppendDurable is AppendSubject below the root of durable topics. frame begins with a quotation mark.
func (s Space) AppendDurable(dst, frame []byte) []byte {
	body, ended := cutString(frame)
	return appendSubject(append(dst, s.Durable...), body, ended)
}

// Filters are what to subscribe to for all messages whose first frame begins with prefix. No two of them
// match the same subject.
func (s Space) Filters(prefix []byte) []string {
	switch {
	case len(prefix) == 0:
		return []string{s.Text + ">", s.Raw + ">"}
	case prefix[0] != '"':
		return []string{string(appendFilter([]byte(s.Raw), prefix))}
	}
	return []string{string(appendString([]byte(s.root(prefix)), prefix))}
}

// root is that of a frame, or the beginning of one, that begins with a quotation mark.
func (s Space) root(frame []byte) string {
	if systemtopic.Is(frame) {
		return s.System
	}
	return s.Text
}

// DurableFilter is what to subscribe to for all durable messages whose first frame begins with prefix, which
// is empty or begins with a quotation mark.
func (s Space) DurableFilter(prefix []byte) string {
	if len(prefix) == 0 {
		return s.Durable + ">"
	}
	return string(appendString([]byte(s.Durable), prefix))
}

// Everything is the filters of the empty prefix, and of all system topics.
func (s Space) Everything() []string { return append(s.Filters(nil), s.System+">") }

// Covers reports whether filter a matches every subject that filter b matches.
func Covers(a, b string) bool {
	stem, wide := strings.CutSuffix(a, ">")
	if !wide {
		return a == b
	}
	return len(b) > len(stem) && strings.HasPrefix(b, stem)
}

// appendString appends the filter of a prefix that begins with a quotation mark.
func appendString(dst, prefix []byte) []byte {
	body, ended := cutString(prefix)
	if ended {
		return appendSubject(dst, body, true)
	}
	return appendFilter(dst, body)
}

// cutString is what stands between the first byte of a frame, a quotation mark, and the next one that is
// not escaped; ended says that there is a next one.
func cutString(frame []byte) (body []byte, ended bool) {
	body = frame[1:]
	for from := 0; ; {
		i := bytes.IndexByte(body[from:], '"')
		if i < 0 {
			return body, false
		}
		i += from
		slashes := 0 // those before body[from] are another quotation mark's
		for i-slashes > from && body[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return body[:i], true
		}
		from = i + 1
	}
}

// appendSubject appends the tokens of a topic.
func appendSubject(dst, body []byte, ended bool) []byte {
	start := len(dst)
	dst, left, cut := appendSegments(dst, body)
	if !cut {
		at := len(dst)
		dst = appendToken(dst, left)
		if cut = len(dst)-start > MaxBytes-len(unended); cut {
			dst = dst[:at]
		}
	}
	if cut {
		sum := sha256.Sum256(left)
		dst = hex.AppendEncode(append(dst, rest...), sum[:digestSize])
	}
	if !ended {
		dst = append(dst, unended...)
	}
	return dst
}

// appendFilter appends the filter of a prefix that does not end a topic: the segment in which it
// ends may go on.
func appendFilter(dst, body []byte) []byte {
	dst, _, _ = appendSegments(dst, body)
	return append(dst, '>')
}

// appendSegments appends the tokens of all segments but the last, with a dot behind each, and gives what is
// left. cut says that not all have a place: then left begins with the first that has none. Which have one does not
// depend on what follows them.
func appendSegments(dst, body []byte) (_, left []byte, cut bool) {
	start := len(dst)
	for n := 1; ; n++ {
		i := bytes.IndexByte(body, '/')
		if i < 0 {
			return dst, body, len(body) > MaxBytes
		}
		if n == MaxSegments || i > MaxBytes {
			return dst, body, true
		}
		at := len(dst)
		dst = appendToken(dst, body[:i])
		if len(dst)-start > room {
			return dst[:at], body, true
		}
		dst = append(dst, '.')
		body = body[i+1:]
	}
}

// appendToken appends one segment.
func appendToken(dst, segment []byte) []byte {
	if len(segment) == 0 {
		return append(dst, empty...)
	}
	const digits = "0123456789ABCDEF"
	for _, c := range segment {
		if plain[c] {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// plain marks the bytes that stand for themselves: printable ASCII without what NATS gives a meaning and "%".
// Others are legal in NATS, but JetStream writes subjects into JSON, which is UTF-8.
var plain = func() (t [256]bool) {
	for c := 0x21; c <= 0x7e; c++ {
		t[c] = !strings.ContainsRune(".*>%", rune(c))
	}
	return
}()
