package embed

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/relay"
)

// OfficeOf finds the Office of a *core.PostOffice. Package core sets it.
var OfficeOf func(office any) *Office

// Office is where a post office is joined to others, over all its runs: what core/backbone needs
// of it. All methods may be called from any goroutine.
type Office struct {
	mu   sync.Mutex // taken before the locks of the relay
	link relay.Link
	run  *relay.Relay // of the present run; nil: none
	who  string
	tap  relay.Tap
}

// Init names the post office in texts.
func (o *Office) Init(who string) { o.who = who }

// Who names the post office in texts.
func (o *Office) Who() string { return o.who }

// Tap is what sees all that is relayed, in the present run and those to come.
func (o *Office) Tap() *relay.Tap { return &o.tap }

// Join joins a link, for the present run and those to come.
func (o *Office) Join(l relay.Link) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.link != nil {
		return errs.Errorf(errs.ESTATE, "%s has joined a backbone already; a post office joins one at a time: close that one first", o.who)
	}
	o.link = l
	if o.run != nil {
		o.run.Join(l)
	}
	return nil
}

// Leave ends a link, within limit, if it is the one that has joined.
func (o *Office) Leave(limit *deadline.StopLimit, l relay.Link) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.link != l {
		return
	}
	if o.run != nil {
		o.run.Leave(limit)
	}
	o.link = nil
}

// History is what the link keeps for receivers, or nil.
func (o *Office) History() carrier.History {
	o.mu.Lock()
	defer o.mu.Unlock()
	return relay.HistoryOf(o.link)
}

// Durable is what the topics begin with that the link stores.
func (o *Office) Durable() [][]byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return relay.DurableOf(o.link)
}

// Begin is called by the post office when a run has begun.
func (o *Office) Begin(r *relay.Relay) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.run = r
	if o.link != nil {
		r.Join(o.link)
	} else {
		r.JoinNone()
	}
}

// End is called by the post office when its run has ended.
func (o *Office) End() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.run = nil
}
