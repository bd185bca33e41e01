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
// mu guards what follows it; nats.go is called without it.
type subscriber struct {
	conn  *nats.Conn
	local *interest.Set
	ch    chan *nats.Msg
	tell  func(interest.Batch) // tells the other sites

	mu      sync.Mutex
	all     map[string]*nats.Subscription
	slow    map[*nats.Subscription]bool // those of which nats.go has dropped something
	dropped uint64                      // of subscriptions that have ended
}

// collect is how long changes are collected before they are carried out.
const collect = 2 * time.Millisecond

// confirm bounds the wait until NATS has taken subscriptions. Other sites are told afterwards in any case.
const confirm = 5 * time.Second

func (s *subscriber) init() {
	s.all, s.slow = map[string]*nats.Subscription{}, map[*nats.Subscription]bool{}
}

// work ends when stop is closed.
func (s *subscriber) work(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-s.local.Changed():
		}
		select {
		case <-stop:
			return
		case <-time.After(collect):
		}
		if b := s.local.Take(); !b.Empty() {
			s.apply(b)
		}
	}
}

// apply carries out a change: what is added first. Other sites hear of it when NATS knows it, so that
// what they send then arrives.
func (s *subscriber) apply(b interest.Batch) {
	for _, f := range b.AddFilters {
		if sub, err := s.conn.ChanSubscribe(f, s.ch); err == nil { // it fails only when it is closed
			s.mu.Lock()
			s.all[f] = sub
			s.mu.Unlock()
		}
	}
	if len(b.AddFilters) > 0 && s.conn.IsConnected() {
		_ = s.conn.FlushTimeout(confirm) // without a connection, NATS hears of all when there is one
	}
	s.tell(b)
	for _, f := range b.RemoveFilters {
		s.mu.Lock()
		sub := s.all[f]
		delete(s.all, f)
		s.mu.Unlock()
		if sub != nil {
			_ = sub.Unsubscribe()
			s.end(sub)
		}
	}
}

// end keeps the count of a subscription that has ended.
func (s *subscriber) end(sub *nats.Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slow[sub] {
		delete(s.slow, sub)
		s.dropped += droppedBy(sub)
	}
}

// noteSlow notes that nats.go drops messages of a subscription, because the channel is full.
func (s *subscriber) noteSlow(sub *nats.Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow[sub] = true
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
