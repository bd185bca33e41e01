package httpd

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
	"github.com/hermes-zmq/hermes/internal/embed"
)

// Limits of what the page shows.
const (
	liveEvery  = time.Second
	liveQueue  = 16  // states and events that wait for one page
	liveEvents = 100 // that a page is given when it opens
	livePeers  = 150 // of each side
)

// live is the stream of /v1/live: a state each second, and events of the post office. While no page is
// open there is no goroutine, the census does not count, and nothing subscribes to the names of receivers.
type live struct {
	server *Server
	census *census
	names  names
	every  time.Duration // between states

	mu     sync.Mutex
	events []core.Event // the newest, oldest first
	pages  map[*livePage]bool
	stop   chan struct{} // ends the goroutine; nil: there is none
	ended  chan struct{} // closed when it has ended
}

// livePage is one open page.
type livePage struct {
	out  chan liveMessage
	lost int // guarded by live.mu
}

// liveMessage is an event of the stream.
type liveMessage struct {
	name string
	data []byte
}

// hello is what a page hears first.
type hello struct {
	Version  string       `json:"version"`
	Name     string       `json:"name"`
	Host     string       `json:"host"`
	In       string       `json:"in"`
	Out      string       `json:"out"`
	Policy   bool         `json:"policy"`
	Publish  bool         `json:"publish"`
	Interval float64      `json:"interval"` // seconds between states
	Events   []core.Event `json:"events"`
}

// state is the post office at one instant. Counters grow; the page has rates of two states.
type state struct {
	TS float64 `json:"ts"`
	core.PostOfficeStats
	PublisherCount  int               `json:"publisher_count"` // the lists hold livePeers at most
	SubscriberCount int               `json:"subscriber_count"`
	Backbone        *backbone.Stats   `json:"backbone,omitempty"`
	Traffic         topicReport       `json:"traffic"`
	Names           map[string]string `json:"names"` // of receivers that show themselves, by their instances
}

func newLive(s *Server) *live {
	return &live{server: s, every: liveEvery, pages: map[*livePage]bool{}, census: &census{tap: embed.OfficeOf(s.cfg.Office).Tap()}}
}

// serve is the handler of /v1/live.
func (l *live) serve(w http.ResponseWriter, r *http.Request) {
	out, end := l.server.open(w, "live")
	if out == nil {
		return
	}
	defer end()
	if r.Method == http.MethodHead || out.begin() != nil {
		return
	}
	p := l.join()
	defer l.leave(p)
	for {
		select {
		case m := <-p.out:
			if lost := l.lostBy(p); lost > 0 {
				out.event("lost", []byte(`{"count":`+strconv.Itoa(lost)+`}`))
			}
			out.event(m.name, m.data)
			if out.flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-l.server.ctx.Done():
			return
		}
	}
}

// join adds a page.
func (l *live) join() *livePage {
	p := &livePage{out: make(chan liveMessage, liveQueue)}
	office := l.server.cfg.Office
	h := hello{Version: core.Version, Name: office.Name(), Policy: l.server.policed, Publish: l.server.cfg.PublishToken != nil, Interval: l.every.Seconds()}
	h.Host, _ = os.Hostname()
	h.In, _ = office.Get("endpoint.in")
	h.Out, _ = office.Get("endpoint.out")
	l.mu.Lock()
	defer l.mu.Unlock()
	h.Events = append([]core.Event{}, l.events...)
	p.out <- liveMessage{"hello", encoded(h)}
	l.pages[p] = true
	if l.stop == nil && l.server.ctx.Err() == nil {
		before := l.ended
		l.stop, l.ended = make(chan struct{}), make(chan struct{})
		go l.run(before, l.stop, l.ended)
	}
	return p
}

// leave removes a page.
func (l *live) leave(p *livePage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pages, p)
	if len(l.pages) == 0 && l.stop != nil {
		close(l.stop)
		l.stop = nil
	}
}

// close waits until the goroutine has ended. All streams have.
func (l *live) close() {
	l.mu.Lock()
	ended := l.ended
	if l.stop != nil {
		close(l.stop)
		l.stop = nil
	}
	l.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// run gives all pages a state from time to time. It begins when the one before has ended.
func (l *live) run(before, stop, ended chan struct{}) {
	defer close(ended)
	if before != nil {
		<-before
	}
	l.census.begin()
	defer l.census.end()
	l.names.begin(l.server)
	defer l.names.end()
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	l.give("state", l.state(time.Now()))
	for {
		select {
		case now := <-tick.C:
			l.give("state", l.state(now))
		case <-stop:
			return
		}
	}
}

// state is the present state.
func (l *live) state(now time.Time) []byte {
	s := state{TS: float64(now.UnixMicro()) / 1e6, PostOfficeStats: l.server.cfg.Office.Stats(), Backbone: l.server.backbone(), Traffic: l.census.take(now), Names: l.names.known()}
	s.PublisherCount, s.SubscriberCount = len(s.Publishers), len(s.Subscribers)
	s.Publishers, s.Subscribers = busiest(s.Publishers), busiest(s.Subscribers)
	return encoded(s)
}

// busiest is at most livePeers peers: those with the longest queues and the most messages, oldest first.
func busiest(peers []core.Peer) []core.Peer {
	if len(peers) > livePeers {
		slices.SortFunc(peers, func(a, b core.Peer) int {
			return cmp.Or(cmp.Compare(b.QueueMessages, a.QueueMessages), cmp.Compare(b.Dropped, a.Dropped), cmp.Compare(b.Sent+b.Received, a.Sent+a.Received))
		})
		peers = peers[:livePeers]
	}
	slices.SortFunc(peers, func(a, b core.Peer) int { return cmp.Compare(a.ID, b.ID) })
	return peers
}

// event keeps an event, and gives it to all pages.
func (l *live) event(e core.Event) {
	l.mu.Lock()
	l.events = append(l.events, e)
	if len(l.events) > liveEvents {
		l.events = slices.Delete(l.events, 0, len(l.events)-liveEvents)
	}
	listens := len(l.pages) > 0
	l.mu.Unlock()
	if listens {
		l.give("event", e.JSON())
	}
}

// give gives a message to all pages that have room for it.
func (l *live) give(name string, data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pages {
		select {
		case p.out <- liveMessage{name, data}:
		default:
			p.lost++
			l.server.counts.lost.WithLabelValues("live").Inc()
		}
	}
}

// lostBy is how many messages a page has missed since it was last asked.
func (l *live) lostBy(p *livePage) (lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, p.lost = p.lost, 0
	return lost
}

func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return text
}
