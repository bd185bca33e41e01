package zmtp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/trie"
)

// modelItem is a message, or a command, which has no topic.
type modelItem struct {
	topic string
	text  []byte
}

// queueModel is what the queue of a peer with an overflow policy has to do, one message at a
// time, on plain slices.
type queueModel struct {
	latest                 bool
	messages               int
	bytes                  int64
	front                  []byte // what is being written, and commands
	frontMessages          int
	ends                   []int // of the messages and commands in front; negative for a command
	backlog                []modelItem
	conflating             bool
	resume                 int
	sent                   uint64
	dropOld, dropConflated uint64
}

func (m *queueModel) backlogBytes() (n int64) {
	for _, x := range m.backlog {
		n += int64(len(x.text))
	}
	return n
}

func (m *queueModel) full() bool {
	return m.frontMessages+len(m.backlog) > m.messages || int64(len(m.front))+m.backlogBytes() > m.bytes
}

func (m *queueModel) add(topic string, text []byte) {
	m.backlog = append(m.backlog, modelItem{topic, text})
	if m.latest && m.full() && len(m.backlog) > 1 && !m.conflating {
		m.conflating = true
		m.resume = max((len(m.backlog)-1)/2, 1)
	}
	if m.conflating {
		m.conflate()
	}
	for len(m.backlog) > 1 && m.full() {
		m.backlog = m.backlog[1:]
		m.dropOld++
	}
}

// conflate keeps the newest of each topic where they are.
func (m *queueModel) conflate() {
	newest := map[string]int{}
	for i, x := range m.backlog {
		newest[x.topic] = i
	}
	var kept []modelItem
	for i, x := range m.backlog {
		if newest[x.topic] == i {
			kept = append(kept, x)
		}
	}
	m.dropConflated += uint64(len(m.backlog) - len(kept))
	m.backlog = kept
}

func (m *queueModel) command(text []byte) {
	m.front = append(m.front, text...)
	m.ends = append(m.ends, -len(m.front))
}

// load moves the oldest n messages to the front.
func (m *queueModel) load(n int) {
	for range n {
		if m.conflating && len(m.backlog) <= m.resume {
			m.conflating = false
		}
		m.front = append(m.front, m.backlog[0].text...)
		m.ends = append(m.ends, len(m.front))
		m.frontMessages++
		m.backlog = m.backlog[1:]
	}
}

func (m *queueModel) written(n int) {
	m.front = m.front[n:]
	var left []int
	for _, end := range m.ends {
		switch {
		case max(end, -end) > n && end > 0:
			left = append(left, end-n)
		case max(end, -end) > n:
			left = append(left, end+n)
		case end > 0:
			m.frontMessages--
			m.sent++
		}
	}
	m.ends = left
}

// drivenQueue is a queue of which a test does the writing.
type drivenQueue struct {
	*conn
	removals removals
	inFlight []byte // what the write vector had when the write began
	count    int
}

func newDrivenQueue(t testing.TB, overflow carrier.Overflow, messages int, bytes int64) *drivenQueue {
	o, _ := newSendBuffer(t, 0, 0)
	d := &drivenQueue{conn: &conn{s: &socket{}}}
	d.out.init(o.io, messages, bytes)
	d.out.backlog = newBacklog(overflow, &d.removals)
	d.out.writing = true // so that no other writes
	d.topics.Add(nil)
	return d
}

func (d *drivenQueue) send(b *batch.Batch) carrier.Tally {
	f := fanOut{b: b, outcomes: make([]outcome, b.Len())}
	f.sendTo(d.conn)
	return f.tally(1)
}

// vector is a copy of what the write vector points to.
func (d *drivenQueue) vector(count int) (p []byte) {
	for i := range count {
		p = append(p, d.out.io.vectorAt(i)...)
	}
	return p
}

// begin begins a write.
func (d *drivenQueue) begin(t testing.TB) {
	var offered int
	d.out.advance()
	d.count, offered = d.out.gather(d.out.io)
	d.inFlight = d.vector(d.count)
	require.Len(t, d.inFlight, offered)
}

// end ends a write of which the kernel has taken n bytes.
func (d *drivenQueue) end(t testing.TB, n int) []byte {
	require.True(t, bytes.Equal(d.inFlight, d.vector(d.count)), "what is being written stays as it is")
	d.out.io.clearVector(d.count)
	d.out.written(n)
	taken := d.inFlight[:n]
	d.inFlight, d.count = nil, 0
	return taken
}

// requireAgree compares the queue with the model.
func (d *drivenQueue) requireAgree(t testing.TB, m *queueModel) {
	messages, size := d.out.queued()
	p := d.describe(0)
	require.Equal(t, m.frontMessages+len(m.backlog), messages)
	require.Equal(t, int64(len(m.front))+m.backlogBytes(), size)
	require.Equal(t, m.conflating, d.out.backlog.conflating.on)
	require.Equal(t, []uint64{m.sent, m.dropOld, m.dropConflated, m.dropOld + m.dropConflated},
		[]uint64{p.Sent, p.DroppedOld, p.DroppedConflated, p.Dropped})
	require.Equal(t, []uint64{m.dropOld, m.dropConflated}, []uint64{d.removals.old.Load(), d.removals.conflated.Load()})
	require.Equal(t, messages == 0 && size == 0, d.out.empty())
}

// randomBatch is a batch of random messages, from a pool, and what the model has to be told.
func randomBatch(r *rand.Rand, bound int64) (b *batch.Batch, items []modelItem) {
	b = batch.Get()
	topics := []int{1, 5, 50, 1000}[r.IntN(4)]
	biggest := []int{10, 300, 3000, int(bound) / 3}[r.IntN(4)]
	for range 1 + r.IntN(20) {
		topic := strconv.Itoa(r.IntN(topics))
		if r.IntN(3) == 0 {
			topic = "other/" + topic // not subscribed to
		}
		b.AppendFrame([]byte(topic), true)
		b.AppendFrame(bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(biggest+1)), false)
		if topic[0] != 'o' {
			items = append(items, modelItem{topic, bytes.Clone(b.Message(b.Len() - 1))})
		}
	}
	if r.IntN(4) == 0 {
		b.Grow(200_000) // a big arena that is mostly empty
	}
	return b, items
}

// TestTheQueueDoesWhatItsPolicySays compares the queue of a peer with a model: messages of
// random sizes and topics, commands, and writes of which the kernel takes a random part.
func TestTheQueueDoesWhatItsPolicySays(t *testing.T) {
	for seed := range uint64(100) {
		for _, overflow := range []carrier.Overflow{carrier.DropOld, carrier.LatestPerTopic} {
			t.Run(fmt.Sprintf("%s/%d", overflow, seed), func(t *testing.T) { driveRandomly(t, overflow, seed) })
		}
	}
}

func driveRandomly(t *testing.T, overflow carrier.Overflow, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	m := &queueModel{latest: overflow == carrier.LatestPerTopic, messages: []int{1, 3, 20, 200}[r.IntN(4)], bytes: []int64{50, 5000, 50_000}[r.IntN(3)]}
	d := newDrivenQueue(t, overflow, m.messages, m.bytes)
	d.topics = trie.Set{}
	for digit := range 10 {
		d.topics.Add([]byte{byte('0' + digit)})
	}
	writes := 1 + r.IntN(20) // how often something is written: a slow peer, or a stalled one
	for range 400 {
		switch x := r.IntN(40); {
		case x < writes && d.count == 0:
			before := d.out.messages
			d.begin(t)
			m.load(d.out.messages - before)
			requireShare(t, d, m)
		case x < writes:
			n := r.IntN(len(d.inFlight) + 1)
			require.True(t, bytes.Equal(m.front[:n], d.end(t, n)))
			m.written(n)
		case x < 21:
			p := appendCommand(nil, cmdPong, make([]byte, r.IntN(16)))
			d.out.addCommand(p)
			m.command(p)
		default:
			b, items := randomBatch(r, m.bytes)
			tally := d.send(b)
			require.Equal(t, []int{len(items), 0}, []int{tally.Sent, tally.Dropped})
			b.Release()
			for _, x := range items {
				m.add(x.topic, x.text)
			}
			require.True(t, len(items) == 0 || len(m.backlog) == 1 || !m.full())
		}
		d.requireAgree(t, m)
	}
	drain(t, d, m)
}

// requireShare checks that the front takes what it may, and no more.
func requireShare(t *testing.T, d *drivenQueue, m *queueModel) {
	if d.out.messages > 1 {
		require.LessOrEqual(t, d.out.messages, queue.Share(m.messages))
	}
	if len(m.backlog) > 0 {
		require.Positive(t, d.out.messages)
	}
	require.LessOrEqual(t, len(d.out.spans)-d.out.head, maxVector)
}

// drain writes all that is left.
func drain(t *testing.T, d *drivenQueue, m *queueModel) {
	for d.count > 0 || !d.out.empty() {
		if d.count == 0 {
			before := d.out.messages
			d.begin(t)
			m.load(d.out.messages - before)
		}
		n := len(d.inFlight)
		require.True(t, bytes.Equal(m.front[:n], d.end(t, n)))
		m.written(n)
		d.requireAgree(t, m)
	}
	require.Empty(t, m.front)
	require.Empty(t, m.backlog)
	require.True(t, d.out.backlog.own == nil)
	require.Empty(t, d.out.backlog.spans)
}

// The newest message finds room beside what is being written, however small the queue is.
func TestTheNewestMessageAlwaysFindsRoom(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.DropOld, carrier.LatestPerTopic} {
		d := newDrivenQueue(t, overflow, 1, 100)
		require.Equal(t, 1, d.send(message("first", string(make([]byte, 1000)))).Sent, "bigger than the queue")
		d.begin(t)
		require.Equal(t, 10, d.send(numbered("a", 0, 10)).Sent)
		require.Equal(t, 1, d.send(message("last", string(make([]byte, 1000)))).Sent)
		messages, _ := d.out.queued()
		require.Equal(t, 2, messages)
		d.end(t, len(d.inFlight))
		d.begin(t)
		require.Equal(t, "last", string(batch.Topic(d.inFlight)))
		require.EqualValues(t, 10, d.describe(0).DroppedOld)
	}
}

func TestAQueueWhoseBoundsShrinkKeepsThem(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.DropOld, carrier.LatestPerTopic} {
		d := newDrivenQueue(t, overflow, 100, 1<<20)
		require.Equal(t, 100, d.send(numbered("a", 0, 100)).Sent)
		d.out.setBounds(10, 1<<20)
		messages, _ := d.out.queued()
		require.Equal(t, 100, messages, "what waits already stays")
		require.Equal(t, 1, d.send(numbered("a", 100, 101)).Sent)
		messages, _ = d.out.queued()
		require.Equal(t, 10, messages)
	}
}

// A dead peer's queue is released, the backlog included.
func TestKillReleasesTheBacklog(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.DropOld, carrier.LatestPerTopic} {
		d := newDrivenQueue(t, overflow, 10, 1<<20)
		b := numbered("a", 0, 30)
		require.Equal(t, 30, d.send(b).Sent)
		require.Equal(t, 30, d.send(b).Sent)
		d.begin(t)
		require.Equal(t, 10, d.out.kill())
		d.out.mu.Lock()
		d.out.endTurn()
		d.out.mu.Unlock()
		require.True(t, d.out.empty())
		require.Zero(t, d.out.kill(), "only once")
	}
}

// numbersOf is the number in the topic of each message of numbered.
func numbersOf(t testing.TB, got [][]string) (list []int) {
	for _, msg := range got {
		n, err := strconv.Atoi(msg[0][2:])
		require.NoError(t, err)
		list = append(list, n)
	}
	return list
}

// openStalled opens an outlet with a peer that takes nothing, and fills its queue with
// messages a/0, a/1, ... until many have been removed. It returns how many were sent.
func openStalled(t *testing.T, overflow carrier.Overflow, bound int, enough func(carrier.Peer) bool) (testOutlet, *gatedSink, int) {
	o := newOutlet(t, overflow, bound, bind("tcp://127.0.0.1:*"))
	slow := &gatedSink{}
	slow.keep = true
	slow.close()
	openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	sent := 0
	testkit.Repeat(t, "messages are removed", func() bool {
		b := numbered("a", sent, sent+100)
		require.Equal(t, carrier.Tally{Sent: 100, SentBytes: int64(b.Size())}, o.Send(b))
		sent += 100
		p := o.Peers()[0]
		require.LessOrEqual(t, p.QueueMessages, bound)
		require.Equal(t, uint64(sent), p.Sent+p.Dropped+uint64(p.QueueMessages))
		return enough(p)
	})
	return o, slow, sent
}

func TestAStalledPeerGetsTheNewest(t *testing.T) {
	const bound = 1000
	o, slow, sent := openStalled(t, carrier.DropOld, bound, func(p carrier.Peer) bool { return p.DroppedOld > 10*bound })
	old, conflated := o.Removed()
	require.Zero(t, conflated)
	require.Equal(t, o.Peers()[0].Dropped, old)
	slow.open()
	slow.sink.wait(t, sent-int(old))
	list := numbersOf(t, slow.got())
	for i := 1; i < len(list); i++ {
		require.Less(t, list[i-1], list[i])
	}
	require.Equal(t, sent-1, list[len(list)-1])
	require.Equal(t, sent-bound/2, list[len(list)-bound/2], "the newest are without a gap")
	require.Equal(t, 1, o.Send(numbered("a", sent, sent+1)).Sent)
	slow.sink.wait(t, sent-int(old)+1)
}

// TestASlowPeerKeepsTheOrder: several senders, and a peer that reads frame by frame.
func TestASlowPeerKeepsTheOrder(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.DropOld, carrier.LatestPerTopic} {
		t.Run(overflow.String(), func(t *testing.T) { sendToSlowPeer(t, overflow) })
	}
}

func sendToSlowPeer(t *testing.T, overflow carrier.Overflow) {
	const senders, n, topics = 3, 30_000, 7
	o := newOutlet(t, overflow, 64, bind("ipc://*"), beat(-1, time.Hour)) // the peer answers no PING
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	p.send(appendSubscription(nil, 1, true, nil))
	o.wait(t, carrier.Subscribed, 1)
	var done sync.WaitGroup
	for s := range senders {
		done.Go(func() {
			for at := 0; at < n; at += 10 {
				b := batch.Get()
				for i := at; i < at+10; i++ {
					b.AppendFrame(fmt.Appendf(nil, "%d/%d", s, i%topics), true)
					b.AppendFrame(fmt.Appendf(nil, "%0*d", 10+i%500, i), false)
				}
				if tally := o.Send(b); tally.Sent != 10 {
					t.Errorf("%+v", tally)
				}
				b.Release()
			}
		})
	}
	testkit.Eventually(t, func() bool { return o.Peers()[0].Dropped > 0 }, "the queue is full")
	over := make(chan struct{})
	go func() {
		done.Wait()
		o.Send(message("over", "0"))
		close(over)
	}()
	last := map[string]int{}
	for last["over"] == 0 {
		_, topic := p.receiveFrame()
		_, body := p.receiveFrame()
		i, err := strconv.Atoi(string(body))
		require.NoError(t, err)
		require.Less(t, last[string(topic)], i+1, "the order of %s", topic)
		last[string(topic)] = i + 1
	}
	testkit.Receive(t, over, "the senders")
	testkit.Eventually(t, func() bool { return o.Peers()[0].QueueMessages == 0 }, "all is written")
	peer := o.Peers()[0]
	require.Equal(t, uint64(senders*n+1), peer.Sent+peer.Dropped)
	old, conflated := o.Removed()
	require.Equal(t, peer.Dropped, old+conflated)
}

func TestWhatPeersThatLeftHaveLostStaysCounted(t *testing.T) {
	o, _, _ := openStalled(t, carrier.DropOld, 10, func(p carrier.Peer) bool { return p.DroppedOld > 100 })
	before, _ := o.Removed()
	for _, c := range *o.peers.Load() {
		c.abort(errClosing)
	}
	o.wait(t, carrier.Disconnected, 1)
	old, _ := o.Removed()
	require.Equal(t, before, old)
}

// A replay takes the place of what is older, as any other message does.
func TestAReplayMakesRoom(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.DropOld, carrier.LatestPerTopic} {
		s := &memoryCache{}
		o, err := openWithCacheAnd(t, overflow, s, 5)
		require.NoError(t, err)
		o.Send(numbered("a", 0, 8))
		p := connectRaw(t, o.address())
		p.shakeHands("SUB", 1)
		p.send(appendSubscription(nil, 1, true, []byte("a")))
		for n := 3; n < 8; n++ {
			_, topic := p.receiveFrame()
			require.Equal(t, fmt.Sprintf("a/%d", n), string(topic))
			p.receiveFrame()
		}
		o.wait(t, carrier.Subscribed, 1)
		require.Equal(t, []int{8, 0}, []int{s.taken, s.refused})
		require.EqualValues(t, 3, o.Peers()[0].DroppedOld)
	}
}
