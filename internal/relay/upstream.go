package relay

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// maxPrefixes and maxPrefixBytes bound what a post office subscribes to upstream one by
// one. A peer may limit what a subscriber asks for, and the subscriptions of all receivers
// together may be far more than each of them may have. Beyond this the post office
// subscribes to everything, and picks out by itself what its receivers have subscribed to.
const (
	maxPrefixes    = 100_000
	maxPrefixBytes = 8 << 20
)

// upstream carries the subscriptions of a post office's receivers over to its incoming
// side. Receivers may come before that side is open.
type upstream struct {
	mu       sync.Mutex // taken before the locks of the inlet and of the link
	inlet    carrier.Inlet
	link     Link            // nil: none
	over     bool            // nothing is subscribed to any more
	prefixes map[string]bool // what is wanted, and whether it is subscribed to by itself
	kept     map[string]bool // what is wanted whether a receiver subscribes or not
	singles  int             // how many of prefixes are subscribed to by themselves
	bytes    int             // their length
}

// note takes in an event of the outgoing side.
func (u *upstream) note(e carrier.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return
	}
	switch e.Kind {
	case carrier.Subscribed:
		u.add(e.Prefix)
	case carrier.Unsubscribed:
		u.remove(e.Prefix)
	}
}

// keep subscribes to prefixes until withdraw.
func (u *upstream) keep(prefixes [][]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kept = map[string]bool{}
	for _, p := range prefixes {
		u.kept[string(p)] = true
		u.add(p)
	}
}

func (u *upstream) add(prefix []byte) {
	if u.prefixes == nil {
		u.prefixes = map[string]bool{}
	}
	single := u.singles < maxPrefixes && u.bytes+len(prefix) <= maxPrefixBytes
	if _, known := u.prefixes[string(prefix)]; known {
		return
	}
	u.prefixes[string(prefix)] = single
	switch {
	case single:
		u.singles++
		u.bytes += len(prefix)
		u.subscribe(prefix)
	case len(u.prefixes)-u.singles == 1:
		everything(u.subscribe)
	}
}

func (u *upstream) remove(prefix []byte) {
	single, known := u.prefixes[string(prefix)]
	if !known || u.kept[string(prefix)] {
		return
	}
	delete(u.prefixes, string(prefix))
	switch {
	case single:
		u.singles--
		u.bytes -= len(prefix)
		u.unsubscribe(prefix)
	case len(u.prefixes) == u.singles:
		everything(u.unsubscribe)
	}
}

// subscribe and unsubscribe fail only when the inlet is closed, which is ours to do.
func (u *upstream) subscribe(prefix []byte) {
	if u.inlet != nil {
		_ = u.inlet.Subscribe(prefix)
	}
	if u.link != nil {
		u.link.Subscribe(prefix)
	}
}

func (u *upstream) unsubscribe(prefix []byte) {
	if u.inlet != nil {
		_ = u.inlet.Unsubscribe(prefix)
	}
	if u.link != nil {
		u.link.Unsubscribe(prefix)
	}
}

// attach subscribes at the incoming side, which is open now.
func (u *upstream) attach(in carrier.Inlet) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.inlet = in
	u.each(u.subscribe)
}

// follow tells a link from now on what is subscribed to.
func (u *upstream) follow(l Link) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.over {
		u.link = l
		u.each(l.Subscribe)
	}
}

// unfollow ends that.
func (u *upstream) unfollow() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.link != nil && !u.over {
		u.each(u.link.Unsubscribe)
	}
	u.link = nil
}

// withdraw takes all subscriptions back, permanently.
func (u *upstream) withdraw() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.over {
		u.over = true
		u.each(u.unsubscribe)
	}
}

// each calls f for all that is subscribed to.
func (u *upstream) each(f func(prefix []byte)) {
	for p, single := range u.prefixes {
		if single {
			f([]byte(p))
		}
	}
	if len(u.prefixes) > u.singles {
		everything(f)
	}
}

// everything calls f for the prefixes that every topic begins with; system topics need their own.
func everything(f func(prefix []byte)) {
	f(nil)
	f([]byte(systemtopic.Sign))
}
