package relay

import (
	"fmt"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// throttleEvents tells when a publisher begins to be held back, and when that is over. In a flood
// a publisher is held back many times a second, for moments; what counts is the sum: it begins
// when a publisher was held back for a tenth of a look's interval, and is over when it was not
// held back at all for overAfter.
//
// A goroutine looks at all publishers in question every lookEvery; it runs only while there
// are any. mu guards everything; flow.Source's lock is taken with it held.
type throttleEvents struct {
	who     string
	address func(subscriber uint64) string // of a subscriber, "" where it is gone
	tell    func(notify.Event)

	mu      sync.Mutex
	sources map[*flow.Source]*holdings
	running bool
	stopped bool
	halt    chan struct{} // closed by stop
}

// holdings is what is known of a publisher in question.
type holdings struct {
	total time.Duration // held back, at the last look
	told  bool          // that it is held back
	since time.Duration // total when that began
	quiet time.Duration // for how long it has not been held back
}

const (
	lookEvery = 500 * time.Millisecond
	overAfter = 10 * time.Second
)

func (t *throttleEvents) begin(who string, address func(uint64) string, tell func(notify.Event)) {
	t.who, t.address, t.tell = who, address, tell
	t.sources = map[*flow.Source]*holdings{}
	t.halt = make(chan struct{})
}

// hold is told by the outlet when a publisher begins to wait.
func (t *throttleEvents) hold(s *flow.Source) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sources[s] != nil || t.stopped {
		return
	}
	t.sources[s] = &holdings{total: s.Held(flow.Now()).Total}
	if !t.running {
		t.running = true
		safe.Go(nil, t.run)
	}
}

// stop ends the goroutine.
func (t *throttleEvents) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopped {
		t.stopped = true
		close(t.halt)
	}
}

func (t *throttleEvents) run() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-t.halt:
			return
		}
		if !t.look(flow.Now()) {
			return
		}
	}
}

// look looks at all publishers in question, and reports whether there are any left.
func (t *throttleEvents) look(now time.Duration) (some bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s, h := range t.sources {
		held := s.Held(now)
		if !t.lookAt(s, h, held) {
			delete(t.sources, s)
		}
		h.total = held.Total
	}
	t.running = len(t.sources) > 0
	return t.running
}

// lookAt looks at one, and reports whether it is still in question. The caller holds mu.
func (t *throttleEvents) lookAt(s *flow.Source, h *holdings, held flow.Held) bool {
	recently := held.Total - h.total
	if recently > 0 {
		h.quiet = 0
	} else if h.quiet += lookEvery; !h.told || h.quiet >= overAfter {
		if h.told {
			t.tell(notify.Event{Kind: "unthrottled", Level: notify.Info, Address: s.Address, Peer: s.Peer,
				Text: fmt.Sprintf("%s: the publisher at %s is no longer held back; it was for %.1f s", t.who, s.Address, (held.Total - h.since).Seconds())})
		}
		return false
	}
	if !h.told && recently >= lookEvery/10 {
		h.told, h.since = true, h.total
		t.tell(notify.Event{Kind: "throttled", Level: notify.Info, Address: s.Address, Peer: s.Peer,
			Text: fmt.Sprintf("%s: the publisher at %s is held back, because the subscriber%s does not keep up", t.who, s.Address, at(t.address(held.By)))})
	}
	return true
}

// at names the address of a subscriber, as far as it is known.
func at(address string) string {
	if address == "" {
		return ""
	}
	return " at " + address
}
