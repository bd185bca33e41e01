package backbone

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hermes-zmq/hermes/internal/interest"
)

// subscriber is the goroutine that makes NATS subscriptions of what local receivers want, and then
// tells the other sites. All subscriptions share one channel, so what arrives stays in order.
//
// A filter that is not needed any more stays for a while (stay). A server that was already delivering a
// message when others took its place delivers it to the old filter alone. The copies that come
// meanwhile are dropped by their numbers.
//
// mu guards what follows it; nats.go is called without it.
type subscriber struct {
	conn  *nats.Conn
	local *interest.Set
	ch    chan *nats.Msg
	tell  func(interest.Batch) // tells the other sites

	mu      sync.Mutex
	all     map[string]*nats.Subscription
	leaving map[string]leaving          // by filter; of the goroutine alone
	slow    map[*nats.Subscription]bool // those of which nats.go has dropped something
	dropped uint64                      // of subscriptions that have ended
}

// leaving is a subscription that is to end.
type leaving struct {
	sub *nats.Subscription
	end time.Time
}

// stay is how long a subscription stays when others have taken its place.
const stay = time.Second

// collect is how long changes are collected before they are carried out.
const collect = 2 * time.Millisecond

// confirm bounds the wait until NATS has taken subscriptions. Other sites are told afterwards in any case.
const confirm = 5 * time.Second

func (s *subscriber) init() {
	s.all, s.slow = map[string]*nats.Subscription{}, map[*nats.Subscription]bool{}
	s.leaving = map[string]leaving{}
}

// work ends when stop is closed.
func (s *subscriber) work(stop <-chan struct{}) {
	var due <-chan time.Time // nil while nothing leaves
	for {
		select {
		case <-stop:
			return
		case now := <-due:
			s.endLeaving(now)
		case <-s.local.Changed():
			select {
			case <-stop:
				return
			case <-time.After(collect):
			}
			if b := s.local.Take(); !b.Empty() {
				s.apply(b)
			}
		}
		switch {
		case len(s.leaving) == 0:
			due = nil
		case due == nil:
			due = time.Tick(stay)
		}
	}
}

// apply carries out a change: what is added first. Other sites hear of it when NATS knows it, so that
// what they send then arrives.
func (s *subscriber) apply(b interest.Batch) {
	for _, f := range b.AddFilters {
		s.add(f)
	}
	if len(b.AddFilters) > 0 && s.conn.IsConnected() {
		_ = s.conn.FlushTimeout(confirm) // without a connection, NATS hears of all when there is one
	}
	s.tell(b)
	for _, f := range b.RemoveFilters {
		if sub := s.exchange(f, nil); sub != nil {
			s.leaving[f] = leaving{sub, time.Now().Add(stay)}
		}
	}
}

// add makes the subscription of a filter, or keeps the one that was to end.
func (s *subscriber) add(filter string) {
	if l, stays := s.leaving[filter]; stays {
		delete(s.leaving, filter)
		s.exchange(filter, l.sub)
		return
	}
	if sub, err := s.conn.ChanSubscribe(filter, s.ch); err == nil { // it fails only when it is closed
		s.exchange(filter, sub)
	}
}

// exchange sets the subscription of a filter, nil for none, and returns the one before.
func (s *subscriber) exchange(filter string, sub *nats.Subscription) (before *nats.Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.all[filter]
	if sub == nil {
		delete(s.all, filter)
	} else {
		s.all[filter] = sub
	}
	return before
}

// endLeaving ends the subscriptions whose time has come.
func (s *subscriber) endLeaving(now time.Time) {
	for f, l := range s.leaving {
		if !now.Before(l.end) {
			delete(s.leaving, f)
			s.end(l.sub)
			_ = l.sub.Unsubscribe()
		}
	}
}

// end keeps the count of a subscription that is about to end: then it has none any more.
func (s *subscriber) end(sub *nats.Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slow[sub] {
		delete(s.slow, sub)
		s.dropped += droppedBy(sub)
	}
}

// noteSlow notes that nats.go drops messages of a subscription, because the channel is full. It tells that late, when the
// subscription may have ended.
func (s *subscriber) noteSlow(sub *nats.Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub.IsValid() {
		s.slow[sub] = true
	}
}

// lost is how many NATS messages nats.go has dropped.
func (s *subscriber) lost() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.dropped
	for sub := range s.slow {
		n += droppedBy(sub)
	}
	return n
}

func droppedBy(sub *nats.Subscription) uint64 {
	n, err := sub.Dropped()
	if err != nil || n < 0 {
		return 0
	}
	return uint64(n)
}
