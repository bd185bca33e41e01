package zmtp

import (
	"bytes"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/batch"
)

// removeDenied takes out of a batch what its peer has no right to publish. As a rule that is
// nothing, and messages of one stream (topic and origin) follow each other: then a message costs a
// comparison. The goroutine that delivers the batch calls it.
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
	kept, to := first, b.Start(first)
	for at, from := first, to; at < len(b.Ends); at++ {
		end := b.Ends[at]
		msg := b.Buf[from:end]
		from = end
		if at == first || !c.region.covers(r, msg) && !i.mayPublish(c, r, msg) {
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
	from := 0
	for at, end := range b.Ends {
		msg := b.Buf[from:end]
		from = end
		switch {
		case c.region.covers(r, msg):
		case len(allowed) > 0 && bytes.HasPrefix(msg, allowed):
		case i.mayPublish(c, r, msg):
			allowed, _, _ = streamOf(msg)
		default:
			return at
		}
	}
	return len(b.Ends)
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
	topic  []byte         // beginning of the first frame's body
	origin []byte         // body of the second frame
}

func (m *publishRegion) set(r *access.Rights, topic, origin []byte) {
	m.rights, m.topic, m.origin = r, append(m.topic[:0], topic...), append(m.origin[:0], origin...)
}

// covers reports whether a message is in the region, and its first two frames are short, as those
// of envelopes are.
func (m *publishRegion) covers(r *access.Rights, msg []byte) bool {
	if m.rights != r || len(msg) < shortHeader || msg[0] != batch.FlagMore {
		return false
	}
	second := shortHeader + int(msg[1])
	body := second + shortHeader
	if second < shortHeader+len(m.topic) || len(msg) < body+len(m.origin) {
		return false
	}
	return msg[second]&batch.FlagLong == 0 && int(msg[second+1]) == len(m.origin) &&
		string(msg[body:body+len(m.origin)]) == string(m.origin) &&
		string(msg[shortHeader:shortHeader+len(m.topic)]) == string(m.topic)
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
