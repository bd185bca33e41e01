package zmtp

import (
	"bytes"
	"encoding/binary"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// removeDenied takes out of a batch what its peer has no right to publish. As a rule that is
// nothing, and all messages are in one region, or those of one stream (topic and origin) follow each
// other: then a message costs a few comparisons. The goroutine that delivers the batch calls it.
func (i *inlet) removeDenied(c *conn, r *access.Rights, b *batch.Batch) {
	if c.expelled.Load() {
		i.cfg.Access.DeniedAll(uint64(b.Len()))
		b.Ends, b.Buf = b.Ends[:0], b.Buf[:0]
		return
	}
	first := i.firstDenied(c, r, b)
	if first == len(b.Ends) {
		return
	}
	b.Own()
	kept, to := first, b.Start(first)
	for at, from := first, to; at < len(b.Ends); at++ {
		end := b.Ends[at]
		msg := b.Buf[from:end]
		from = end
		if at == first || !(c.region.rights == r && c.region.covers(msg)) && !i.mayPublish(c, r, msg) {
			i.deny(c, r, msg)
			continue
		}
		to += copy(b.Buf[to:], msg)
		b.Ends[kept] = to
		kept++
	}
	b.Ends, b.Buf = b.Ends[:kept], b.Buf[:to]
}

// firstDenied is the first message of a batch that the peer may not publish, or how many there are.
func (i *inlet) firstDenied(c *conn, r *access.Rights, b *batch.Batch) int {
	var allowed []byte // the stream of the last message that was looked up
	for at := 0; ; at++ {
		if c.region.rights == r {
			at = c.region.firstOutside(b, at)
		}
		if at == len(b.Ends) {
			return at
		}
		msg := b.Buf[b.Start(at):b.Ends[at]]
		switch {
		case len(allowed) > 0 && bytes.HasPrefix(msg, allowed):
		case i.mayPublish(c, r, msg):
			allowed, _, _ = streamOf(msg)
		default:
			return at
		}
	}
}

// mayPublish reports whether the peer may publish a message, and remembers the region that it is in.
func (i *inlet) mayPublish(c *conn, r *access.Rights, msg []byte) bool {
	stream, topic, origin := streamOf(msg)
	if region := r.User.PublishRegion(topic, origin); region != nil {
		if len(origin) <= longestMemo {
			c.region.set(r, region, origin)
		}
		return true
	}
	return i.verdicts.MayPublish(r, stream, topic, origin)
}

// deny counts a message that the peer may not publish, and reports it.
func (i *inlet) deny(c *conn, r *access.Rights, msg []byte) {
	_, topic, origin := streamOf(msg)
	v := r.User.PublishFrames(topic, origin)
	c.tellDenied(i.cfg.Access.DeniedPublish(r, c.asPeer(), topic, origin, v, 1))
}

// publishRegion is what the messages of a peer begin with as a rule: below a beginning of the topic it
// may publish everything in the name of an origin. The goroutine that delivers uses it.
type publishRegion struct {
	rights *access.Rights // under which this holds; nil: there is none
	topic  beginning      // of the first frame's body
	origin beginning      // all of the second frame's body
}

func (m *publishRegion) set(r *access.Rights, topic, origin []byte) {
	m.rights = r
	m.topic.set(topic)
	m.origin.set(origin)
}

// firstOutside is the first message of a batch, from one on, that the region does not cover, or how many
// there are.
func (m *publishRegion) firstOutside(b *batch.Batch, at int) int {
	from := b.Start(at)
	for ; at < len(b.Ends); at++ {
		end := b.Ends[at]
		if !m.covers(b.Buf[from:end]) {
			return at
		}
		from = end
	}
	return at
}

// covers reports whether a message is in the region, and its first two frames are short, as those
// of envelopes are.
func (m *publishRegion) covers(msg []byte) bool {
	if len(msg) < shortHeader || msg[0] != batch.FlagMore {
		return false
	}
	second := shortHeader + int(msg[1])
	body := second + shortHeader
	if second < shortHeader+m.topic.size || len(msg) < body+m.origin.size {
		return false
	}
	return msg[second]&batch.FlagLong == 0 && int(msg[second+1]) == m.origin.size &&
		m.origin.of(msg[body:]) && m.topic.of(msg[shortHeader:]) &&
		(m.topic.size >= len(systemtopic.Sign) || !systemtopic.MayBe(msg[shortHeader:second]))
}

// beginning is a text that others are compared with. Its first bytes are compared as a word, which is
// cheaper than a call.
type beginning struct {
	size       int
	word, mask uint64 // the first 8 bytes, or all; mask has ones where there are any
	rest       []byte // behind them
}

func (x *beginning) set(text []byte) {
	var first, ones [8]byte
	for n := range copy(first[:], text) {
		ones[n] = 0xff
	}
	x.size, x.word, x.mask = len(text), binary.LittleEndian.Uint64(first[:]), binary.LittleEndian.Uint64(ones[:])
	x.rest = append(x.rest[:0], text[min(len(text), 8):]...)
}

// of reports whether p, which is at least as long, begins with the text.
func (x *beginning) of(p []byte) bool {
	if len(p) < 8 {
		var padded [8]byte
		copy(padded[:], p)
		return binary.LittleEndian.Uint64(padded[:])&x.mask == x.word
	}
	return binary.LittleEndian.Uint64(p)&x.mask == x.word && (len(x.rest) == 0 || string(p[8:x.size]) == string(x.rest))
}

// streamOf is the first two frames of a message with their headers, and the body of each; origin
// is nil if there is one frame only.
func streamOf(msg []byte) (stream, topic, origin []byte) {
	topic, rest := firstFrame(msg)
	if len(rest) > 0 {
		origin, rest = firstFrame(rest)
	}
	return msg[:len(msg)-len(rest)], topic, origin
}

// firstFrame splits the first frame off. The decoder has checked that all frames are whole.
func firstFrame(p []byte) (body, rest []byte) {
	_, head, size, err := parseHeader(p)
	end := uint64(head) + size
	if err != nil || end > uint64(len(p)) {
		return p, nil
	}
	return p[head:end], p[end:]
}
