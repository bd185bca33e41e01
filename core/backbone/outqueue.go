package backbone

import (
	"bytes"
	"sync"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/linkmessage"
)

// outqueue is what waits for NATS: NATS messages in the format of package linkmessage, which lack
// only their numbers, back to back in chunks. Each is a run of messages of one topic; a run that
// goes on makes the last one longer, until that has the target size. Publishers put, and the sender
// goroutine takes whole chunks and settles them.
//
// mu guards everything. It is held while a batch is put, and no other lock is taken under it but
// that of empty.
type outqueue struct {
	maxMessages int
	maxBytes    int64

	mu     sync.Mutex
	target int // size of a NATS message beyond which another begins
	chunks []*chunk
	counts outCounts
	over   bool // nothing is taken any more

	some  chan struct{} // has one element when there may be something to take
	empty latch.Latch   // open while nothing waits
}

// outCounts count messages, whose bytes are framed. Given is the sum of all others.
type outCounts struct {
	given                            uint64
	out, outBytes                    uint64
	waiting, waitingBytes            int64
	full, disconnected, long, denied uint64 // dropped
	stopped, unwanted                uint64
}

// add counts what has become of messages that were waiting.
func (n *outCounts) add(o outCounts) {
	n.out += o.out
	n.outBytes += o.outBytes
	n.disconnected += o.disconnected
	n.long += o.long
	n.stopped += o.stopped
}

func (n *outCounts) sum() uint64 {
	return n.out + uint64(n.waiting) + n.full + n.disconnected + n.long + n.denied + n.stopped + n.unwanted
}

// chunk is NATS messages back to back.
type chunk struct {
	buf   []byte
	items []item
	topic []byte // the first frame, framed, of the last item
}

// item is one NATS message of a chunk. It begins where the one before it ends.
type item struct {
	end      int
	messages int
}

// chunkBytes is the usual size of a chunk.
const chunkBytes = linkmessage.TargetBytes + 4<<10

var chunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, 0, chunkBytes)} }}

// recycle gives a chunk back.
func (c *chunk) recycle() {
	if cap(c.buf) > 2*chunkBytes {
		return
	}
	c.buf, c.items, c.topic = c.buf[:0], c.items[:0], c.topic[:0]
	chunks.Put(c)
}

// size is how many bytes of messages a chunk has.
func (c *chunk) size() int64 { return int64(len(c.buf) - len(c.items)*linkmessage.HeaderSize) }

// messages is how many there are.
func (c *chunk) messages() (n int) {
	for _, i := range c.items {
		n += i.messages
	}
	return n
}

func (q *outqueue) init(maxMessages int, maxBytes int64) {
	q.maxMessages, q.maxBytes, q.target = maxMessages, maxBytes, linkmessage.TargetBytes
	q.some = make(chan struct{}, 1)
	q.empty.Set(true)
}

// resize says how large a NATS message may be.
func (q *outqueue) resize(maxPayload int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.target = int(min(linkmessage.TargetBytes, maxPayload))
}

// verdict says what is to become of the messages of a topic.
type verdict uint8

const (
	send      verdict = iota
	denied            // may not leave this site
	unwanted          // no other site wants it
	elsewhere         // is durable, and does not count here
)

// put takes copies of what judge wants sent, as far as there is room, and tells how many of the
// missed messages these are, those without room included.
func (q *outqueue) put(b *batch.Batch, missed []bool, judge func(topic []byte) verdict) (alone int, size int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := b.Len()
	was := q.counts.waiting
	q.counts.given += uint64(n)
	for i, j := 0, 0; i < n; i = j {
		frame := firstFrame(b.Message(i))
		for j = i + 1; j < n && bytes.HasPrefix(b.Message(j), frame); j++ {
		}
		switch v := judge(batch.Topic(frame)); {
		case v == denied:
			q.counts.denied += uint64(j - i)
			continue
		case v == elsewhere:
			q.counts.given -= uint64(j - i)
			continue
		case v == unwanted:
			q.counts.unwanted += uint64(j - i)
			continue
		case q.over:
			q.counts.stopped += uint64(j - i)
		default:
			q.putRun(b, i, j, frame)
		}
		for k := i; k < j && missed != nil; k++ {
			if missed[k] {
				alone++
				size += int64(b.Ends[k] - b.Start(k))
			}
		}
	}
	if was == 0 && q.counts.waiting > 0 {
		q.empty.Set(false)
		q.wake()
	}
	if invariants.Enabled {
		invariants.Check(q.counts.given == q.counts.sum(), "backbone: the counters do not add up: %+v", q.counts)
	}
	return alone, size
}

func (q *outqueue) wake() {
	select {
	case q.some <- struct{}{}:
	default:
	}
}

// firstFrame is the first frame of a message with its header.
func firstFrame(msg []byte) []byte {
	_, rest, _, _ := batch.NextFrame(msg)
	return msg[:len(msg)-len(rest)]
}

// putRun takes the messages [i, j), which begin with the same frame. The caller holds mu.
func (q *outqueue) putRun(b *batch.Batch, i, j int, frame []byte) {
	c := &q.counts
	for i < j {
		k, room := q.fits(b, i, j)
		if k == i {
			c.full += uint64(j - i)
			return
		}
		run := b.Buf[b.Start(i):b.Ends[k-1]]
		q.tail(len(run), k-i, room, frame).extend(run, k-i)
		c.waiting += int64(k - i)
		c.waitingBytes += int64(len(run))
		i = k
	}
}

// fits gives the end of the messages from i on that one NATS message may have and for which there
// is room. room says how large the NATS message may become. The caller holds mu.
func (q *outqueue) fits(b *batch.Batch, i, j int) (k, room int) {
	room = q.target - linkmessage.HeaderSize
	most := min(int64(j-i), int64(q.maxMessages)-q.counts.waiting, linkmessage.MaxMessages)
	start, left := b.Start(i), q.maxBytes-q.counts.waitingBytes
	for k = i; int64(k-i) < most && int64(b.Ends[k]-start) <= left; k++ {
		if b.Ends[k]-start > room && k > i {
			break
		}
	}
	return k, room
}

// tail is the chunk to whose last item a run of size bytes is to be added. The caller holds mu.
func (q *outqueue) tail(size, messages, room int, frame []byte) *chunk {
	var c *chunk
	if n := len(q.chunks); n > 0 {
		c = q.chunks[n-1]
	}
	if c != nil && len(c.buf)+size <= chunkBytes && bytes.Equal(c.topic, frame) && c.last()+size <= room &&
		c.items[len(c.items)-1].messages+messages <= linkmessage.MaxMessages {
		return c
	}
	if c == nil || len(c.buf)+linkmessage.HeaderSize+size > chunkBytes {
		c = chunks.Get().(*chunk)
		q.chunks = append(q.chunks, c)
	}
	c.begin(frame)
	return c
}

// begin begins an item.
func (c *chunk) begin(frame []byte) {
	c.buf = linkmessage.Begin(c.buf)
	c.items = append(c.items, item{end: len(c.buf)})
	c.topic = append(c.topic[:0], frame...)
}

// last is the size of the messages of the last item.
func (c *chunk) last() int {
	n := len(c.items)
	start := 0
	if n > 1 {
		start = c.items[n-2].end
	}
	return c.items[n-1].end - start - linkmessage.HeaderSize
}

// extend adds messages to the last item.
func (c *chunk) extend(run []byte, messages int) {
	c.buf = append(c.buf, run...)
	last := &c.items[len(c.items)-1]
	last.end = len(c.buf)
	last.messages += messages
}

// take takes all chunks. They still count as waiting.
func (q *outqueue) take(into []*chunk) []*chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	into = append(into[:0], q.chunks...)
	clear(q.chunks)
	q.chunks = q.chunks[:0]
	return into
}

// settle counts what has become of a chunk that was taken, and recycles it.
func (q *outqueue) settle(c *chunk, became outCounts) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settleLocked(c, became)
}

// settleLocked is settle with mu held.
func (q *outqueue) settleLocked(c *chunk, became outCounts) {
	q.counts.waiting -= int64(c.messages())
	q.counts.waitingBytes -= c.size()
	q.counts.add(became)
	c.recycle()
	if invariants.Enabled {
		invariants.Check(q.counts.given == q.counts.sum(), "backbone: the counters do not add up: %+v", q.counts)
	}
	if q.counts.waiting == 0 {
		q.empty.Set(true)
	} else if len(q.chunks) > 0 {
		q.wake()
	}
}

// open lets the queue take messages, or not.
func (q *outqueue) open(yes bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.over = !yes
}

// giveUp drops what has not been taken.
func (q *outqueue) giveUp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.chunks
	q.chunks = nil
	for _, c := range all {
		q.settleLocked(c, outCounts{stopped: uint64(c.messages())})
	}
}

// now gives the counters.
func (q *outqueue) now() outCounts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts
}
