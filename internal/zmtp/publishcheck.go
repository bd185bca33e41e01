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
	var allowed []byte // the stream of the last message that was kept, in its place
	kept, to, from := 0, 0, 0
	for _, end := range b.Ends {
		msg := b.Buf[from:end]
		from = end
		size := len(allowed)
		if size == 0 || !bytes.HasPrefix(msg, allowed) {
			stream, topic, origin := streamOf(msg)
			if !i.mayPublish(c, r, stream, topic, origin) {
				v := r.User.PublishFrames(topic, origin)
				c.tellDenied(i.cfg.Access.DeniedPublish(r, c.asPeer(), topic, origin, v, 1))
				continue
			}
			size = len(stream)
		}
		if to != from-len(msg) {
			copy(b.Buf[to:], msg)
		}
		allowed = b.Buf[to : to+size]
		to += len(msg)
		b.Ends[kept] = to
		kept++
	}
	b.Ends, b.Buf = b.Ends[:kept], b.Buf[:to]
}

// publishRegion is what the messages of a peer begin with as a rule: below a beginning of the topic it
// may publish everything in the name of an origin. The goroutine that delivers uses it.
type publishRegion struct {
	rights        *access.Rights
	topic, origin []byte
}

// mayPublish reports whether the peer may publish messages of a stream.
func (i *inlet) mayPublish(c *conn, r *access.Rights, stream, topic, origin []byte) bool {
	m := &c.region
	if m.rights == r && bytes.HasPrefix(topic, m.topic) && bytes.Equal(origin, m.origin) {
		return true
	}
	if region := r.User.PublishRegion(topic, origin); region != nil {
		m.rights, m.topic, m.origin = r, append(m.topic[:0], region...), append(m.origin[:0], origin...)
		return true
	}
	return i.verdicts.MayPublish(r, stream, topic, origin)
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
