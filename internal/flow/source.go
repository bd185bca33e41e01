// Package flow keeps, for one publisher whose messages a post office relays, what the decision
// to hold it back needs: which peers follow it, and the account of how long it was held back
// and for whom. The decision itself is the carrier's (zmtp/throttle.go), which knows the
// queues of the peers.
//
// A Source belongs to one connection of an inlet. Its followers are used only by the one
// goroutine that delivers what this connection brings; mu guards the account, which any
// goroutine may read. No other lock is taken with mu held.
package flow

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// followFor is how long a peer counts as a follower after the last batch of which it was sent
// something, measured to the last batch of the publisher: while that is silent, or held back, no
// follower is forgotten.
const followFor = 10 * time.Second

// fewFollowers is how many are kept in any case.
const fewFollowers = 64

// Source is one publisher. New makes it.
type Source struct {
	// Peer and Address are those of its connection, for people.
	Peer    uint64
	Address string
	// Queues says that the publisher keeps what is not read, and counts what it drops when its own
	// queue is full: it is one of hermes 2, or a post office. A PUB of libzmq drops beyond its
	// high-water mark without telling anybody.
	Queues bool
	// Retains says that the publisher has been asked to retain messages of durable topics until they are
	// confirmed.
	Retains atomic.Bool
	// Received is how many messages have come over the connection, those of the batch that is delivered
	// included; Cut says that some were removed from this batch. Both are for the goroutine that delivers.
	Received uint64
	Cut      bool

	sent      time.Duration            // when its last batch was sent; negative: none was
	followers map[uint64]time.Duration // when each peer was last sent something of it
	most      int                      // followers at which those that are gone are forgotten

	mu    sync.Mutex
	total time.Duration // of all waits that have ended
	by    uint64        // the peer last waited for; 0 is none
	began time.Duration // of the wait under way; negative: none
}

// New makes the account of a publisher.
func New(peer uint64, address string, queues bool) *Source {
	return &Source{Peer: peer, Address: address, Queues: queues, followers: map[uint64]time.Duration{}, most: fewFollowers, sent: -1, began: -1}
}

var epoch = time.Now()

// Now is the time on a monotonic clock.
func Now() time.Duration { return time.Since(epoch) }

// Follow notes that a peer has subscribed to something of a batch, which is sent at the time now.
func (s *Source) Follow(peer uint64, now time.Duration) {
	s.followers[peer] = now
	if len(s.followers) > s.most {
		maps.DeleteFunc(s.followers, func(_ uint64, last time.Duration) bool { return now-last > followFor })
		s.most = 2*len(s.followers) + fewFollowers
	}
}

// Follows reports whether a peer follows this publisher.
func (s *Source) Follows(peer uint64) bool {
	last, known := s.followers[peer]
	return known && s.sent-last <= followFor
}

// Sent notes that a batch has been sent to all peers, which began at the time now.
func (s *Source) Sent(now time.Duration) { s.sent = now }

// LastSent is when the last batch was sent; negative: none was. Peers that have subscribed since
// then may follow the publisher, and are not known to.
func (s *Source) LastSent() time.Duration { return s.sent }

// Begin notes that the publisher is held back from now on, for a peer that does not keep up.
// During a wait it only changes that peer, and reports false.
func (s *Source) Begin(by uint64, now time.Duration) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by = by
	first = s.began < 0
	if first {
		s.began = now
	}
	return first
}

// End notes that the wait is over, and reports whether there was one.
func (s *Source) End(now time.Duration) (waited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waited = s.began >= 0
	if waited {
		s.total += now - s.began
		s.began = -1
	}
	return waited
}

// Held is how long the publisher has been held back altogether.
type Held struct {
	Total time.Duration // that of a wait under way included
	By    uint64        // the peer last waited for; 0 is none
}

// Held takes the account at the time now.
func (s *Source) Held(now time.Duration) Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := Held{Total: s.total, By: s.by}
	if s.began >= 0 {
		h.Total += now - s.began
	}
	return h
}
