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
	var allowed []byte // the stream of the last message that was kept, in its place
	kept, to, from := 0, 0, 0
	for _, end := range b.Ends {
		msg := b.Buf[from:end]
		from = end
		size := len(allowed)
		if size == 0 || !bytes.HasPrefix(msg, allowed) {
			stream, topic, origin := streamOf(msg)
			if !i.verdicts.MayPublish(r, stream, topic, origin) || c.aborted.Load() != nil {
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
