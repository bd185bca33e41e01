package relay

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// upstream carries the subscriptions of a post office's receivers over to its incoming
// side, and to a Link. Receivers may come before that side is open.
type upstream struct {
	mu    sync.Mutex // taken before the locks of the inlet and of the link
	inlet carrier.Inlet
	link  Link            // nil: none
	over  bool            // nothing is subscribed to any more
	wants map[string]want // by prefix
	kept  map[string]bool // what is wanted whether a receiver subscribes or not
	asked requests        // of the inlet
	told  requests        // to the link
}

// want is who wants a prefix. A zero one: none does.
type want struct {
	receivers bool              // receivers that are no post office, or the cache
	offices   map[uint64]string // the post offices, by peer; nil: none
}

// note takes in an event of the outgoing side.
func (u *upstream) note(e carrier.Event) {
	if e.Kind != carrier.Subscribed && e.Kind != carrier.Unsubscribed {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return
	}
	w, prefix := u.wants[string(e.Prefix)], string(e.Prefix)
	switch on := e.Kind == carrier.Subscribed; {
	case e.Office == "":
		w.receivers = on || u.kept[prefix]
	case !on:
		delete(w.offices, e.Peer)
	case w.offices == nil:
		w.offices = map[uint64]string{e.Peer: e.Office}
	default:
		w.offices[e.Peer] = e.Office
	}
	u.set(prefix, w)
}

// keep subscribes to prefixes until withdraw.
func (u *upstream) keep(prefixes [][]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kept = map[string]bool{}
	for _, p := range prefixes {
		u.kept[string(p)] = true
		u.set(string(p), want{receivers: true})
	}
}

// set changes who wants a prefix.
func (u *upstream) set(prefix string, w want) {
	if u.wants == nil {
		u.wants = map[string]want{}
	}
	wanted := w.receivers || len(w.offices) > 0
	if wanted {
		u.wants[prefix] = w
	} else {
		delete(u.wants, prefix)
	}
	u.asked.change(prefix, wanted, u.subscribe, u.unsubscribe)
	u.tell(prefix, w)
}

// tell tells the link whether a prefix is wanted by any but those that it joins.
func (u *upstream) tell(prefix string, w want) {
	if u.link == nil {
		return
	}
	wanted := w.receivers
	for _, office := range w.offices {
		wanted = wanted || !u.link.Joins(office)
	}
	u.told.change(prefix, wanted, u.link.Subscribe, u.link.Unsubscribe)
}

// subscribe and unsubscribe fail only when the inlet is closed, which is ours to do.
func (u *upstream) subscribe(prefix []byte) {
	if u.inlet != nil {
		_ = u.inlet.Subscribe(prefix)
	}
}

func (u *upstream) unsubscribe(prefix []byte) {
	if u.inlet != nil {
		_ = u.inlet.Unsubscribe(prefix)
	}
}

// attach subscribes at the incoming side, which is open now.
func (u *upstream) attach(in carrier.Inlet) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.inlet = in
	u.asked.each(u.subscribe)
}

// follow tells a link from now on what is wanted.
func (u *upstream) follow(l Link) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return
	}
	u.link = l
	for prefix, w := range u.wants {
		u.tell(prefix, w)
	}
}

// review tells the link what has changed because it joins others than before.
func (u *upstream) review() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return
	}
	for prefix, w := range u.wants {
		if len(w.offices) > 0 {
			u.tell(prefix, w)
		}
	}
}

// unfollow ends that.
func (u *upstream) unfollow() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forget()
}

// forget takes back what the link was told, and ends that. The caller holds mu.
func (u *upstream) forget() {
	if u.link != nil {
		u.told.each(u.link.Unsubscribe)
	}
	u.link, u.told = nil, requests{}
}

// withdraw takes all subscriptions back, permanently.
func (u *upstream) withdraw() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.over {
		u.over = true
		u.asked.each(u.unsubscribe)
		u.forget()
	}
}

// maxPrefixes and maxPrefixBytes bound what a post office subscribes to upstream one by
// one. A peer may limit what a subscriber asks for, and the subscriptions of all receivers
// together may be far more than each of them may have. Beyond this the post office
// subscribes to everything, and picks out by itself what its receivers have subscribed to.
const (
	maxPrefixes    = 100_000
	maxPrefixBytes = 8 << 20
)

// requests are the prefixes that are subscribed to at one place. Each is subscribed to by itself as long as
// they are few, and those beyond that by the empty prefix.
type requests struct {
	prefixes map[string]bool // and whether it is subscribed to by itself
	singles  int             // how many of them are
	bytes    int             // their length
}

// change adds a prefix, or removes it, unless that was done before.
func (r *requests) change(prefix string, on bool, subscribe, unsubscribe func([]byte)) {
	single, known := r.prefixes[prefix]
	switch {
	case on == known:
	case on:
		r.add(prefix, subscribe)
	default:
		r.remove(prefix, single, unsubscribe)
	}
}

func (r *requests) add(prefix string, subscribe func([]byte)) {
	if r.prefixes == nil {
		r.prefixes = map[string]bool{}
	}
	single := r.singles < maxPrefixes && r.bytes+len(prefix) <= maxPrefixBytes
	r.prefixes[prefix] = single
	switch {
	case single:
		r.singles++
		r.bytes += len(prefix)
		subscribe([]byte(prefix))
	case len(r.prefixes)-r.singles == 1:
		everything(subscribe)
	}
}

func (r *requests) remove(prefix string, single bool, unsubscribe func([]byte)) {
	delete(r.prefixes, prefix)
	switch {
	case single:
		r.singles--
		r.bytes -= len(prefix)
		unsubscribe([]byte(prefix))
	case len(r.prefixes) == r.singles:
		everything(unsubscribe)
	}
}

// each calls f for all that is subscribed to.
func (r *requests) each(f func(prefix []byte)) {
	for p, single := range r.prefixes {
		if single {
			f([]byte(p))
		}
	}
	if len(r.prefixes) > r.singles {
		everything(f)
	}
}

// everything calls f for the prefixes that every topic begins with; system topics need their own.
func everything(f func(prefix []byte)) {
	f(nil)
	f([]byte(systemtopic.Sign))
}
