package zmtp

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
	"time"
)

// handshakePlaces are for the handshakes of one kind that are under way at a server, which are bounded.
//
//	enter       a handshake takes a place, once its peer has done what costs it something
//	await, work from now on the peer is to act, or this end is (a place begins so)
//	leave       the handshake is over
//
// Where all are taken, the one that has waited for its peer for longest is ended for a new one, if that
// is longer than patience: peers that begin and fall silent keep no others away. A handshake that waits
// for its own turn is never ended so, or in a crowd none would get through.
//
// mu guards all of it, and each place; it is held for no call.
type handshakePlaces struct {
	most int

	mu       sync.Mutex
	patience time.Duration
	taken    int
	waiting  list.List // of *handshakePlace, the one that has waited for longest in front
}

// patienceWithPeers is the patience of a server: more than a client needs for an answer, on a slow line as well.
const patienceWithPeers = time.Second

// handshakePlace is one of them. All methods are for a nil place as well, which is none.
type handshakePlace struct {
	of    *handshakePlaces
	end   func() // ends its handshake, and does not wait
	since time.Time
	at    *list.Element // in of.waiting, or nil
	gone  bool          // it has left, or was ended
}

var errPlaceLost = errors.New("refused: it has not gone on with its handshake for a second, and others need its place (option limit.handshakes)")

// enter takes a place at the time now. end may be called from then on, until leave. err says that there
// is none.
func (p *handshakePlaces) enter(now time.Time, end func()) (*handshakePlace, error) {
	late, err := p.take(now)
	if err != nil {
		return nil, err
	}
	if late != nil {
		late.end()
	}
	return &handshakePlace{of: p, end: end}, nil
}

// take counts one more, if there is room, or in place of late.
func (p *handshakePlaces) take(now time.Time) (late *handshakePlace, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken < p.most {
		p.taken++
		return nil, nil
	}
	if first := p.waiting.Front(); first != nil {
		if late = first.Value.(*handshakePlace); now.Sub(late.since) > p.patience {
			late.gone = true
			late.stopWaiting()
			return late, nil
		}
	}
	return nil, fmt.Errorf("refused: %d handshakes are under way, which is the limit (option limit.handshakes)", p.most)
}

// await notes that the peer is to act, from the time now on.
func (h *handshakePlace) await(now time.Time) {
	if h == nil {
		return
	}
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	if !h.gone {
		h.stopWaiting()
		h.since, h.at = now, h.of.waiting.PushBack(h)
	}
}

// work notes that this end is to act.
func (h *handshakePlace) work() {
	if h == nil {
		return
	}
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	h.stopWaiting()
}

// leave gives the place back.
func (h *handshakePlace) leave() {
	if h == nil {
		return
	}
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	h.stopWaiting()
	if !h.gone {
		h.gone = true
		h.of.taken--
	}
}

// stopWaiting takes it out of those that wait for their peers. The caller holds mu.
func (h *handshakePlace) stopWaiting() {
	if h.at != nil {
		h.of.waiting.Remove(h.at)
		h.at = nil
	}
}
