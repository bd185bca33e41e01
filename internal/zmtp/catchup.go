package zmtp

import (
	"context"
	"errors"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
)

const (
	// feedBytes is how much may be queued for a peer for more history to be queued: enough to keep
	// the connection busy, and not so much that publishers are held back for it.
	feedBytes = behindBytes / 2
	// restBytes and restMessages are how much the rest of a round may be, which is queued while
	// every Send waits.
	restBytes    = 128 << 10
	restMessages = 2048
	// reachedEvery is how often a peer is told how far it has come.
	reachedEvery = time.Second
	// pauseAfter is how long a peer may take nothing until its reader gives up what it has fetched ahead.
	pauseAfter = time.Second
	// maxReached bounds the commands that wait for one peer for a HERMES-REACHED to be queued, in
	// bytes. A peer that asks for more history beyond it is disconnected.
	maxReached = 1 << 20
)

// catchUp is a peer that has asked for history. Its goroutine lives from the first subscription with
// history until the connection ends.
//
// What guards what: since and toldUncovered belong to the holder of events. The lock of the peer's
// send buffer guards what is below it. A round belongs to the goroutine.
type catchUp struct {
	replay *historyReplay
	c      *conn
	source carrier.History
	ctx    context.Context // ends with the connection, or the outlet
	cancel context.CancelFunc
	wake   chan struct{} // there is something to do; of capacity 1

	since         int64 // for the next subscriptions
	toldUncovered bool

	asked   trie.Set         // prefixes that are not live yet
	waiting map[string]int64 // of these: those of a later round, and since when
	fed     trie.Set         // those of the present round
	told    int64            // the last HERMES-REACHED, or what the peer asked for first
	running bool             // there is a goroutine
}

func newCatchUp(h *historyReplay, c *conn, source carrier.History, since int64) *catchUp {
	u := &catchUp{replay: h, c: c, source: source, wake: make(chan struct{}, 1), waiting: map[string]int64{}, told: since}
	u.ctx, u.cancel = context.WithCancel(c.s.ctx)
	return u
}

// end is called when the peer is gone. The caller holds out.mu, as for add, forget, has and isLive.
func (u *catchUp) end() {
	u.cancel()
	u.asked, u.fed, u.waiting = trie.Set{}, trie.Set{}, nil
}

// add asks for the history of a prefix. The caller holds events as well.
func (u *catchUp) add(prefix []byte) {
	out := &u.c.out
	if out.dead || out.closing {
		return
	}
	u.asked.Add(prefix)
	u.waiting[string(prefix)] = u.since
	if u.since < u.told {
		u.told = u.since
		out.addCommand(appendTime(nil, cmdReached, u.told))
	}
	if !u.running {
		u.running = true
		u.c.s.start(u.run)
	}
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// forget ends what is asked for a prefix, and reports whether anything was.
func (u *catchUp) forget(prefix []byte) (known bool) {
	if u == nil {
		return false
	}
	_, known = u.asked.Remove(prefix)
	u.fed.Remove(prefix)
	delete(u.waiting, string(prefix))
	return known
}

// has reports whether the peer has asked for a prefix.
func (u *catchUp) has(prefix []byte) bool { return u != nil && u.asked.Count(prefix) > 0 }

// isLive reports whether a topic that matches a prefix of asked is sent as it comes, because no
// history of it is kept.
func (u *catchUp) isLive(topic []byte) bool {
	return systemtopic.Match(&u.asked, topic) && !u.source.Keeps(topic)
}

// run is the goroutine.
func (u *catchUp) run() {
	tick := time.NewTicker(reachedEvery)
	defer tick.Stop()
	for {
		for u.doRound() {
		}
		if at := u.source.Position(); !at.IsZero() {
			u.tellReached(at)
		}
		select {
		case <-u.wake:
		case <-tick.C:
		case <-u.ctx.Done():
			return
		}
	}
}

// tellReached tells the peer that it has been sent everything that was stored before a time. It is
// not told while it waits for another round, or while messages may overtake the command.
func (u *catchUp) tellReached(at time.Time) {
	out := &u.c.out
	out.mu.Lock()
	behind := out.backlog != nil && out.backlog.messages > 0
	if t := micros(at); !out.dead && !out.closing && !behind && len(u.waiting) == 0 && t != u.told && out.commands <= maxReached {
		u.told = t
		out.addCommand(appendTime(nil, cmdReached, t))
	}
	u.c.flush()
}

// doRound makes the prefixes live that are asked for, and reports whether there were any.
func (u *catchUp) doRound() bool {
	h := u.replay
	prefixes, since := u.beginRound()
	if len(prefixes) == 0 {
		return false
	}
	h.catching.Add(1)
	defer h.catching.Add(-1)
	h.recent.begin()
	defer h.recent.end()
	r := round{catchUp: u, had: newFedMessages()}
	err := r.readStore(prefixes, timeOf(since))
	if err != nil && u.ctx.Err() == nil && !errors.Is(err, errPeerGone) {
		u.missing("not all history can be read: " + err.Error())
		err = r.goLive()
	}
	return err == nil
}

// beginRound gives the prefixes of the next round, and since when.
func (u *catchUp) beginRound() (prefixes [][]byte, since int64) {
	out := &u.c.out
	out.mu.Lock()
	defer out.mu.Unlock()
	if out.dead || out.closing {
		return nil, 0
	}
	for p, s := range u.waiting {
		if len(prefixes) > 0 && s != since {
			continue
		}
		since = s
		prefixes = append(prefixes, []byte(p))
		u.fed.Add([]byte(p))
		delete(u.waiting, p)
	}
	return prefixes, since
}

// round feeds the history of some prefixes.
type round struct {
	*catchUp
	had    *fedMessages
	reader carrier.HistoryReader // nil before readStore and behind it
	cursor uint64                // of recentRing: what comes before it is read from the store
	toldAt time.Time
}

// readStore feeds what is stored, and then what is not stored yet, until the prefixes are live.
func (r *round) readStore(prefixes [][]byte, since time.Time) error {
	reader, err := r.open(prefixes, since)
	if err != nil {
		return err
	}
	r.reader = reader
	defer func() {
		r.reader = nil
		reader.Close()
	}()
	for {
		r.cursor = r.replay.recent.cursor()
		reader.Mark()
		if err := r.readToMark(reader); err != nil {
			return err
		}
		if live, err := r.feedRecent(); live || err != nil {
			return err
		}
	}
}

func (r *round) open(prefixes [][]byte, since time.Time) (carrier.HistoryReader, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	return r.source.Open(r.ctx, prefixes, since)
}

func (r *round) next(reader carrier.HistoryReader) (*batch.Batch, time.Time, error) {
	if err := r.enter(); err != nil {
		return nil, time.Time{}, err
	}
	defer r.leave()
	return reader.Next(r.ctx)
}

// enter waits until fewer than readersAtOnce read.
func (r *round) enter() error {
	select {
	case r.replay.slots <- struct{}{}:
		return nil
	case <-r.ctx.Done():
		return errPeerGone
	}
}

func (r *round) leave() { <-r.replay.slots }

// readToMark feeds what is stored, up to the last Mark.
func (r *round) readToMark(reader carrier.HistoryReader) error {
	for {
		b, reached, err := r.next(reader)
		if b == nil || err != nil {
			return err
		}
		out := batch.Get()
		for i := range b.Len() {
			if msg := b.Message(i); r.had.addStored(msg) {
				appendMarked(out, msg)
			}
		}
		b.Release()
		err = r.feed(out)
		out.Release()
		if err != nil {
			return err
		}
		if now := time.Now(); !reached.IsZero() && now.Sub(r.toldAt) >= reachedEvery/2 {
			r.toldAt = now
			r.tellReached(reached)
		}
	}
}

// goLive makes the prefixes live without what recentRing does not have any more.
func (r *round) goLive() error {
	for {
		r.cursor = max(r.cursor, r.replay.recent.oldest())
		if live, err := r.feedRecent(); live || err != nil {
			return err
		}
	}
}

// feedRecent feeds what recentRing has, and makes the prefixes live. live is false where the ring
// does not reach back far enough.
func (r *round) feedRecent() (live bool, err error) {
	for {
		m, slid := r.replay.recent.read(r.cursor)
		if slid {
			return false, nil
		}
		if m.size() <= restBytes && len(m.ends) <= restMessages {
			if live, err := r.tryLive(); live || err != nil {
				return live, err
			}
		}
		out := batch.Get()
		m.each(func(msg []byte) {
			if r.had.addRecent(msg) {
				appendMarked(out, msg)
			}
		})
		err := r.feed(out)
		out.Release()
		if err != nil {
			return false, err
		}
		r.cursor = m.after()
	}
}

// tryLive queues the rest and makes the prefixes live, if the rest is little and there is room.
func (r *round) tryLive() (live bool, err error) {
	if err := r.awaitRoom(nil, 0); err != nil {
		return false, err
	}
	rest := batch.Get()
	defer rest.Release()
	live = r.switchToLive(rest)
	r.c.out.mu.Lock()
	r.c.flush()
	return live, nil
}

func (r *round) switchToLive(rest *batch.Batch) bool {
	sends, out := &r.replay.outlet.sends, &r.c.out
	sends.Lock()
	defer sends.Unlock()
	if !r.collectRest(rest) {
		return false
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	if out.dead || out.closing {
		return true
	}
	if !out.hasRoom(rest, 0, rest.Len()) {
		return false
	}
	r.queue(rest, 0)
	r.fed.Each(func(prefix []byte, _ int) {
		r.asked.Remove(prefix)
		r.c.topics.Add(prefix)
	})
	r.fed = trie.Set{}
	return true
}

// collectRest gathers what recentRing has behind the cursor, and reports whether that is little
// enough, and all. The caller holds sends.
func (r *round) collectRest(rest *batch.Batch) bool {
	had := r.had.rest()
	for cursor := r.cursor; ; {
		m, slid := r.replay.recent.read(cursor)
		switch {
		case slid || rest.Size()+m.size() > restBytes || rest.Len()+len(m.ends) > restMessages:
			return false
		case len(m.ends) == 0:
			return true
		}
		m.each(func(msg []byte) {
			if had.fresh(msg) {
				appendMarked(rest, msg)
			}
		})
		cursor = m.after()
	}
}

// feed queues marked messages, and waits for room.
func (r *round) feed(b *batch.Batch) error {
	for at := 0; at < b.Len(); {
		if err := r.awaitRoom(b, at); err != nil {
			return err
		}
		out := &r.c.out
		out.mu.Lock()
		at = r.queue(b, at)
		r.c.flush()
	}
	return nil
}

// awaitRoom waits until little is queued for the peer, and there is room for message at of b, if
// there is one.
func (r *round) awaitRoom(b *batch.Batch, at int) error {
	out := &r.c.out
	out.mu.Lock()
	defer out.mu.Unlock()
	full := func() bool {
		messages, bytes := out.queued()
		return messages > out.maxMessages/4 || bytes > min(feedBytes, out.maxBytes/4) || b != nil && !out.hasRoom(b, at, at+1)
	}
	if full() && r.reader != nil && out.waitAtMost(pauseAfter, full) {
		out.mu.Unlock()
		r.reader.Pause()
		out.mu.Lock()
	}
	out.waitWhile(full)
	if out.dead || out.closing {
		return errPeerGone
	}
	return nil
}

// queue queues the messages of b, from at on, that are for the peer, and gives the first for which there
// is no room. The caller holds out.mu.
func (r *round) queue(b *batch.Batch, at int) int {
	out, n := &r.c.out, b.Len()
	out.mixed = out.mixed || countSystem(b) > 0
	for {
		i, j := r.nextRun(b, at)
		if i == n {
			return n
		}
		next := i
		if out.backlog != nil {
			next = out.addToBacklog(b, i, j, false)
		} else if k := out.fits(b, i, j); k > 0 {
			next = i + k
			out.add(b, i, next, out.pins(b, b.Ends[next-1]-b.Start(i)))
			out.noteLevel()
		}
		r.replay.messages.Add(uint64(next - i))
		if at = next; next < j {
			return next
		}
	}
}

// nextRun is fanOut.nextRun for history. The caller holds out.mu.
func (r *round) nextRun(b *batch.Batch, at int) (i, j int) {
	n := b.Len()
	for i = at; i < n && !r.isFor(topicOf(b, i)); i++ {
	}
	for j = i; j < n && (j == i || r.isFor(topicOf(b, j))); j++ {
	}
	return i, j
}

// isFor reports whether history of a topic is for the peer: it is in this round, not live, and the
// peer has the right to it. The caller holds out.mu.
func (r *round) isFor(topic []byte) bool {
	return systemtopic.Match(&r.fed, topic) && !systemtopic.Match(&r.c.topics, topic) && r.source.Keeps(topic) && r.c.mayReceive(topic)
}
