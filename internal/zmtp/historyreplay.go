package zmtp

import (
	"bytes"
	"errors"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// History for peers that ask for it (HERMES-SINCE), joined with what the outlet sends.
//
//	subscribe   a prefix of which there is history is asked for, and not live: messages of topics that
//	            are kept are not sent to this peer as they come
//	round       the peer's goroutine (catchup.go) feeds the history of all prefixes asked for by then,
//	            as the peer takes it, while recentRing keeps what every Send sends
//	live        when all but a little has been fed, the rest is queued, and the prefixes become live,
//	            with sends held for writing
//
// Why every message reaches the peer once: let c be the cursor of recentRing at the last Mark of the
// reader. Messages of Sends that had begun by then are read from the store; those of later Sends are in
// the ring behind c, because it was in use before. What is read from both is fed once, by its number
// (fedMessages). The messages behind the last of the ring are those of Sends that begin after sends was
// held, which find the prefixes live. If the ring does not reach back to c any more, there is
// another Mark. A batch may be fed from the store before the ring: order is kept, because the
// messages of a publisher have one order in both, and the store is read to its goal first.
//
// Topics that are not kept are live at once; so are prefixes of which there is no history. History
// carries the mark of the cache, as last values do, because it is old.
//
// Locks: a round holds none while it reads the store or waits for room. See catchUp.

// readersAtOnce is how many peers of an outlet read the store at the same time.
const readersAtOnce = 32

// historyReplay is the history of an outlet.
type historyReplay struct {
	outlet *outlet
	source atomic.Pointer[carrier.History] // nil: none
	recent recentRing
	slots  chan struct{} // readersAtOnce

	messages, incomplete atomic.Uint64 // see carrier.HistoryCounts
	catching             atomic.Int64
}

var (
	errHistoryChanged = errors.New("the history that it has asked for has changed")
	errPeerGone       = errors.New("the peer is gone")
)

func (h *historyReplay) init(o *outlet, source carrier.History) {
	h.outlet = o
	h.recent.init(recentBytes, recentChunk)
	h.slots = make(chan struct{}, readersAtOnce)
	h.set(source)
}

// set changes the source, and reports whether that is a change.
func (h *historyReplay) set(source carrier.History) (changed bool) {
	if source == h.now() {
		return false
	}
	if source == nil {
		h.source.Store(nil)
	} else {
		h.source.Store(&source)
	}
	return true
}

// now is the present history, or nil.
func (h *historyReplay) now() carrier.History {
	if s := h.source.Load(); s != nil {
		return *s
	}
	return nil
}

// ServeHistory implements carrier.HistoryServer. A Send that began without the history is not in
// recentRing; the first Mark of a peer that comes back asks for it.
func (o *outlet) ServeHistory(source carrier.History) {
	if !o.history.set(source) {
		return
	}
	for _, c := range *o.peers.Load() {
		if c.peer.since != "" {
			c.abort(errHistoryChanged)
		}
	}
}

// HistoryCounts implements carrier.HistoryServer.
func (o *outlet) HistoryCounts() carrier.HistoryCounts {
	h := &o.history
	return carrier.HistoryCounts{Messages: h.messages.Load(), Incomplete: h.incomplete.Load(), Catching: h.catching.Load()}
}

// announce implements role.
func (o *outlet) announce(c *conn, own *properties) {
	if c.offered = o.history.now(); c.offered != nil {
		own.history = "1"
	}
	if o.retention.on() {
		own.confirm = o.retention.name(c)
	}
}

// checkOffered disconnects a new peer that has been told something else of the history than what
// holds now. ServeHistory does so with those that are peers already.
func (h *historyReplay) checkOffered(c *conn) {
	if c.peer.since != "" && c.offered != h.now() {
		c.abort(errHistoryChanged)
	}
}

// command handles the commands of a peer.
func (o *outlet) command(c *conn, name string, data []byte) (known bool, err error) {
	switch {
	case name == cmdDurable && o.retention.on():
		return true, o.retainDurable(c, data)
	case name == cmdConfirm && o.retention.on():
		return true, o.takeConfirm(c, data)
	case name != cmdSince:
		return c.command(name, data)
	}
	since, err := parseMicros(data)
	if err == nil && c.peer.since == "" {
		err = errors.New("it asks for history, and has not said so in its handshake (X-Hermes-Since)")
	}
	if err != nil {
		return true, err
	}
	o.events.Lock()
	defer o.events.Unlock()
	o.history.ask(c, since)
	return true, nil
}

// ask notes from when on a peer wants history of what it subscribes to next. The caller holds
// events.
func (h *historyReplay) ask(c *conn, since int64) {
	if c.catchUp == nil {
		source := h.now()
		if source == nil || c.peer.hermes == "" {
			return // it was told in the handshake, and is told again when it comes back
		}
		c.out.mu.Lock()
		c.catchUp = newCatchUp(h, c, source, since)
		c.out.mu.Unlock()
	}
	c.catchUp.since = since
}

// subscribe makes c ask for the history of prefix, of which there is some, and sends it last values
// of topics that are not kept. The caller holds events.
func (h *historyReplay) subscribe(c *conn, prefix []byte) (changed bool, err error) {
	u, r := c.catchUp, h.outlet.replay
	if r == nil {
		changed, err = u.addPrefix(prefix, func() {})
	} else {
		peer := c.describe(0)
		skip := func(topic []byte) bool { return u.source.Keeps(topic) || c.hasOrMayNot(topic) }
		h.outlet.sends.Lock()
		changed, err = u.addPrefix(prefix, func() { r.recall(c, peer, prefix, skip) })
		h.outlet.sends.Unlock()
	}
	c.out.mu.Lock()
	c.flush()
	return changed, err
}

// addPrefix adds a prefix that is not live, after before was called.
func (u *catchUp) addPrefix(prefix []byte, before func()) (changed bool, err error) {
	c := u.c
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if more, err := c.isOneMore(prefix); !more {
		return false, err
	}
	if c.out.commands > maxReached {
		return false, errors.New("the peer does not read: too many times of history are queued for it")
	}
	before()
	if !c.isSystem(prefix) {
		c.subscribed.Store(int64(flow.Now()))
	}
	u.add(prefix)
	return true, nil
}

// uncovered tells a peer that it subscribes to topics without history, once.
func (u *catchUp) uncovered(prefix []byte) {
	if !u.toldUncovered {
		u.toldUncovered = true
		u.missing("it keeps no history of topics that begin with " + printableReason(bytes.TrimPrefix(prefix, []byte{'"'})))
	}
}

// missing tells a peer that it does not get all history.
func (u *catchUp) missing(reason string) {
	u.replay.incomplete.Add(1)
	u.c.postControl(appendCommand(nil, cmdMissing, []byte(reason[:min(len(reason), maxReason)])))
}

// appendMarked adds a message as one of history.
func appendMarked(b *batch.Batch, msg []byte) {
	at, ok := wire.TimeAt(msg)
	if !ok {
		b.AppendMessage(msg)
		return
	}
	b.Grow(len(msg) + wire.CacheMarkRoom)
	b.Buf = wire.AppendMarked(b.Buf, msg, at)
	b.EndMessage()
	if invariants.Enabled {
		invariants.Check(string(batch.Topic(b.Message(b.Len()-1))) == string(batch.Topic(msg)), "the mark of the cache has changed a topic")
	}
}
