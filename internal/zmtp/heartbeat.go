package zmtp

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
)

// heartbeat decides whether a peer is gone. One goroutine of the socket checks all peers, at
// least once in an interval, and several times where something may be due: in an idle program
// that is most of what there is to do.
//
// Rules:
//  1. A peer of ZMTP 3.1 that has been silent for HeartbeatInterval is sent a PING, once
//     an interval. One that has not been heard of for HeartbeatTimeout since the first
//     unanswered PING is gone, unless rule 3, 4 or 5 holds.
//  2. A peer of ZMTP 3.0 cannot be asked: it is gone when it is silent for
//     HeartbeatTimeout with data under way to it, and the kernel has had no answer
//     either. Otherwise TCP's keep-alive takes care of it.
//  3. While the connection is busy, its silence does not count: what the peer has sent is
//     waiting unread. It is sent PINGs all the same, as a sign of life of this end.
//  4. Unread bytes in the kernel are a sign of life: this program was suspended, or the
//     machine is overloaded.
//  5. A peer that does not read what is sent to it, on a machine that acknowledges, is
//     slow, and not gone.
//  6. A peer that announces a time to live in its PING is gone after that much silence.
type heartbeat struct {
	lastHeard atomic.Int64 // when something last arrived, on the socket's clock
	busy      atomic.Bool  // not read now: what has arrived is processed. Set until the first readingAgain
	ttl       atomic.Int64 // silence after which the peer is gone, in ns; 0 is never

	// Owned by the goroutine that checks.
	unansweredSince int64 // when the first PING after lastHeard was sent
	lastPing        int64
}

// keepAlive sets TCP's keep-alive for peers that cannot be sent a PING.
func keepAlive(cfg *carrier.Config) net.KeepAliveConfig {
	if cfg.HeartbeatInterval < 0 {
		return net.KeepAliveConfig{Enable: true}
	}
	interval := max(cfg.HeartbeatInterval, time.Second)
	return net.KeepAliveConfig{
		Enable: true, Idle: interval, Interval: interval,
		Count: max(int(cfg.HeartbeatTimeout/interval), 1),
	}
}

// checkHeartbeats checks all peers of a socket until it is closed.
func checkHeartbeats(s *socket) {
	t, err := fds.NewTimer()
	if err != nil { // there are no descriptors left
		checkHeartbeatsByTicker(s)
		return
	}
	defer context.AfterFunc(s.ctx, t.Close)()
	for wait := checkEvery(&s.cfg); ; wait = checkPeers(s) {
		t.Set(wait)
		if !t.Wait() {
			return
		}
	}
}

func checkHeartbeatsByTicker(s *socket) {
	t := time.NewTicker(checkEvery(&s.cfg))
	defer t.Stop()
	for {
		select {
		case <-t.C:
			checkPeers(s)
		case <-s.ctx.Done():
			return
		}
	}
}

// checkEvery is how often peers are checked where something may be due.
func checkEvery(cfg *carrier.Config) time.Duration {
	return min(max(checkWithin(cfg)/4, 5*time.Millisecond), time.Second)
}

// checkWithin is how often they are checked at least: a peer that connects meanwhile has
// nothing due before.
func checkWithin(cfg *carrier.Config) time.Duration {
	if cfg.HeartbeatInterval > 0 {
		return min(cfg.HeartbeatTimeout, cfg.HeartbeatInterval)
	}
	return cfg.HeartbeatTimeout
}

// checkPeers checks all peers, and returns when to do so again.
func checkPeers(s *socket) time.Duration {
	now := s.clock()
	next := checkWithin(&s.cfg)
	for _, c := range *s.peers.Load() {
		c.heartbeat.check(c, now)
		next = min(next, c.heartbeat.due(c, now))
	}
	return max(next, checkEvery(&s.cfg))
}

// due is in how much time something may be due for a peer; 0 where that is not known. A peer may
// become busy meanwhile, which only delays what is due.
func (h *heartbeat) due(c *conn, now int64) time.Duration {
	cfg := &c.s.cfg
	if cfg.HeartbeatInterval <= 0 || c.minor < 1 || h.busy.Load() || h.ttl.Load() > 0 {
		return 0
	}
	heard := h.lastHeard.Load()
	ping := cfg.HeartbeatInterval - time.Duration(now-max(heard, h.lastPing))
	return min(ping, cfg.HeartbeatTimeout-h.unanswered(c, now, heard))
}

// check looks at one peer, at the time now on the socket's clock.
func (h *heartbeat) check(c *conn, now int64) {
	cfg := &c.s.cfg
	if h.busy.Load() {
		h.pingWhenDue(c, now, h.lastPing)
		return
	}
	heard := h.lastHeard.Load()
	silent := time.Duration(now - heard)
	if ttl := time.Duration(h.ttl.Load()); ttl > 0 && silent > ttl && !c.io.unread() {
		c.abort(fmt.Errorf("heartbeat timeout: the peer sent nothing for the %v that it had announced", ttl))
		return
	}
	if cfg.HeartbeatInterval < 0 {
		return
	}
	if h.unanswered(c, now, heard) >= cfg.HeartbeatTimeout && isGone(c, cfg.HeartbeatTimeout) {
		c.abort(fmt.Errorf("heartbeat timeout: the peer sent nothing for %v", silent.Round(time.Millisecond)))
		return
	}
	if h.pingWhenDue(c, now, max(heard, h.lastPing)) && h.unansweredSince <= heard {
		h.unansweredSince = now
	}
}

// pingWhenDue sends a PING if an interval has passed since last, and reports whether it
// did.
func (h *heartbeat) pingWhenDue(c *conn, now, last int64) bool {
	every := c.s.cfg.HeartbeatInterval
	if every <= 0 || c.minor < 1 || time.Duration(now-last) < every {
		return false
	}
	h.lastPing = now
	c.postControl(appendPing(nil))
	return true
}

// unanswered is how long an answer has been waited for. Peers of ZMTP 3.0 cannot be
// asked; anything that they are sent counts as a question.
func (h *heartbeat) unanswered(c *conn, now, heard int64) time.Duration {
	switch {
	case c.minor < 1:
		return time.Duration(now - heard)
	case h.unansweredSince <= heard:
		return 0
	}
	return time.Duration(now - h.unansweredSince)
}

// isGone judges a peer that has been silent for too long: rules 2, 4 and 5.
func isGone(c *conn, limit time.Duration) bool {
	if c.io.unread() {
		return false
	}
	c.out.mu.Lock()
	waiting := !c.out.empty()
	c.out.mu.Unlock()
	k := c.io.kernelState()
	if !waiting && k.unsent == 0 {
		return c.minor >= 1
	}
	return k.retransmitting && k.sinceAck >= limit
}
