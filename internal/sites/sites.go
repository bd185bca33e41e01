// Package sites hides how the sites of a backbone learn of each other: which there are, what each of them
// wants, and through which post offices its messages come. It has no sockets: it is given a function
// that sends to a subject, is handed what arrives, and is called for the passing of time.
//
// Rules. A site is one run of one post office, and has a random number; its name is for people. Each site
// sends a beat every two seconds, with the version of what it wants and a digest. Changes are numbered deltas.
// One that misses a delta, or everything, sees it by version or digest, keeps what it knows, and asks that
// site for a snapshot until it has it. So any message may be lost, repeated or overtaken: some beats
// later all is right again. A hello tells name and post offices, and may ask all for a beat. Who answers
// waits for a random time, which grows with the number of sites, and answers several at once. Snapshots are
// paced. A site is gone after a goodbye or ten seconds of silence; while NATS is away, or the process
// was stopped, silence counts for nothing.
//
// Whatever arrives, there are at most MaxSites sites, and bounds for prefixes, of each and of all; one that
// exceeds them counts as one that wants everything.
//
// Locks: turn is held throughout Start, Tick, Hear, Change, Back and Close, and while they call what
// Config has; these functions must not call one of the six, nor wait for a lock with which one of them is
// called. mu guards the state, and is held while nothing is called; then comes the lock of routes, for
// Route, Redundant, Overlaps and Settled.
package sites

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/interest"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/random"
	"github.com/hermes-zmq/hermes/internal/trie"
)

// Bounds of what other sites can make this one keep.
const (
	MaxSites       = 4096
	MaxPrefixes    = interest.MaxEntries // of one site
	MaxBytes       = interest.MaxBytes
	MaxPrefix      = interest.MaxPrefix // bytes of one prefix
	maxAllPrefixes = 1_000_000
	maxAllBytes    = 64 << 20
)

// Times of the protocol.
const (
	TickEvery  = 50 * time.Millisecond // how often Tick is to be called
	beatEvery  = 2 * time.Second
	goneAfter  = 10 * time.Second
	askAgain   = time.Second // doubled each time, up to askMost
	askMost    = 8 * time.Second
	spreadSite = 5 * time.Millisecond // for each site, answers are spread over so much time
	spreadMost = 2 * time.Second
	pause      = 250 * time.Millisecond // between two snapshots, and with pauseMB
	pauseMB    = 250 * time.Millisecond // for each MiB
	overlap    = 3 * time.Second        // two of one name that live so long together are not one that was restarted
	leftFor    = time.Minute            // how long a run that has left is not believed to be back
	retryEvery = time.Minute
	lowBeats   = 3
	stopped    = goneAfter / 2 // without a Tick for so long, the process was stopped
)

// Config is what Sites needs.
type Config struct {
	Site    string                            // names this site
	Run     uint64                            // random
	Control string                            // root of the subjects, ends with a dot
	Export  [][]byte                          // prefixes of what may leave this site; none: everything
	Durable []string                          // prefixes of its durable topics
	Send    func(subject string, data []byte) // may drop
	Want    func(prefix []byte, yes bool)     // another site begins to want a prefix, or none does any more
	OnEvent func(notify.Event)
	Now     func() time.Duration // a monotonic clock
	Random  *rand.Rand           // nil: one of its own
}

// Sites is the sites of a backbone, as this one knows them. All methods may be called from any goroutine.
type Sites struct {
	cfg  Config
	turn sync.Mutex // before mu

	routes routes // has a lock of its own, after mu

	mu      sync.Mutex // guards all that follows
	now     time.Duration
	running bool
	away    bool // there is no connection to NATS
	own     own
	since   time.Duration // of Start
	ticked  time.Duration
	beatAt  time.Duration
	sites   map[uint64]*site
	wanted  trie.Set       // by all other sites, as far as it may be exported
	names   map[string]int // how many others have a name
	room    room
	left    map[uint64]time.Duration // runs that have left, and when
	askers  map[uint64]byte          // who waits for an answer, and for which
	answer  time.Duration            // when to answer; 0: no site waits
	rested  time.Duration            // when the next snapshot may be sent
	warned  map[string]time.Duration // when a kind of event was last announced
	stats   Stats
	out     outbox
}

// outbox is what is to be done once mu is free.
type outbox struct {
	wants  []want
	sends  []send
	events []notify.Event
}

type want struct {
	prefix []byte
	yes    bool
}

type send struct {
	subject string
	data    []byte
}

// New makes Sites, which sends nothing before Start.
func New(cfg Config) *Sites {
	if cfg.Random == nil {
		cfg.Random = rand.New(rand.NewPCG(random.Uint64(), random.Uint64()))
	}
	return &Sites{cfg: cfg,
		own:   own{run: cfg.Run, name: cfg.Site[:min(len(cfg.Site), maxName)], durable: toldDurable(cfg.Durable), info: 1, set: map[string]struct{}{}},
		sites: map[uint64]*site{}, left: map[uint64]time.Duration{}, askers: map[uint64]byte{}, warned: map[string]time.Duration{},
		names: map[string]int{}, routes: routes{own: cfg.Run, ways: map[uint64]*way{}, sites: map[string]int{}, through: map[string]int{}, unknown: map[uint64]bool{}}}
}

// Subjects are what to subscribe to; Hear gets what arrives.
func (s *Sites) Subjects() []string { return []string{s.everyone(), s.to(s.cfg.Run)} }

func (s *Sites) everyone() string { return s.cfg.Control + "all" }

func (s *Sites) to(run uint64) string { return fmt.Sprintf("%sto.%016x", s.cfg.Control, run) }

// do calls f with the state, and then does what has to be done outside.
func (s *Sites) do(f func()) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	s.now = s.cfg.Now()
	f()
	out := s.out
	s.out = outbox{}
	s.mu.Unlock()
	for _, w := range out.wants {
		s.cfg.Want(w.prefix, w.yes)
	}
	for _, m := range out.sends {
		s.cfg.Send(m.subject, m.data)
	}
	for _, e := range out.events {
		s.cfg.OnEvent(e)
	}
}

// Start announces this site.
func (s *Sites) Start() {
	s.do(func() {
		s.running = true
		s.since, s.ticked, s.beatAt = s.now, s.now, s.now+beatEvery
		s.own.offices, _ = s.routes.take()
		s.send(s.everyone(), s.own.hello(answerWithBeat))
	})
}

// Close says goodbye, and takes back all that others want.
func (s *Sites) Close() {
	s.do(func() {
		if !s.running {
			return
		}
		s.running = false
		s.send(s.everyone(), begin(goodbye, s.own.run))
		for _, x := range s.sites {
			s.remove(x)
		}
	})
}

// Change changes what this site wants: prefixes of at most MaxPrefix bytes.
func (s *Sites) Change(add, remove []string) {
	s.do(func() {
		for _, d := range s.own.change(add, remove) {
			s.stats.Deltas++
			s.send(s.everyone(), d)
		}
	})
}

// Route replaces the post offices that messages of this site may come from. The first one is its own. It may be
// called with any lock held: the next Tick tells the others.
func (s *Sites) Route(offices []string) { s.routes.set(s.cfg.Run, offices) }

// Redundant reports whether a way through post offices begins at that of another site which is present: what comes
// from there comes over the backbone as well. What comes from one that only follows a site may not; see Overlaps.
func (s *Sites) Redundant(route []string) bool { return s.routes.redundant(route) }

// Overlaps reports whether what comes from a site may come through another one as well, because both follow the
// same post office. With the run of this site: whether what it receives itself may. It is false for a site that is
// not present.
func (s *Sites) Overlaps(run uint64) bool { return s.routes.overlap(run) }

// Settled reports whether the routes of a site and of all that are present are known: until then, Redundant and
// Overlaps may be false for what only they tell.
func (s *Sites) Settled(run uint64) bool { return s.routes.settled(run) }

// Routes counts the changes of what Redundant and Overlaps tell.
func (s *Sites) Routes() uint64 { return s.routes.changes() }

// tellRoute tells the others of the route, if it has changed.
func (s *Sites) tellRoute() {
	if offices, changed := s.routes.take(); changed {
		s.own.offices = offices
		s.own.info++
		s.send(s.everyone(), s.own.hello(0))
	}
}

// Away tells that NATS is away: until Back, no site is gone because it is silent.
func (s *Sites) Away() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = true
}

// Back tells that NATS is there again. Messages of both directions may be lost.
func (s *Sites) Back() {
	s.do(func() {
		s.away = false
		s.excuse()
		s.beatAt = s.now + beatEvery
		s.send(s.everyone(), s.own.hello(answerWithBeat))
	})
}

// excuse counts the silence of all sites from now.
func (s *Sites) excuse() {
	for _, x := range s.sites {
		x.heard = s.now
		x.earlier = 0
	}
}

// Tick does what is due. It is to be called each TickEvery.
func (s *Sites) Tick() {
	s.do(func() {
		if !s.running {
			return
		}
		if s.away || s.now-s.ticked > stopped {
			s.excuse()
		}
		s.ticked = s.now
		s.tellRoute()
		if s.now >= s.beatAt {
			s.beatAt = s.now + beatEvery - s.random(beatEvery/10)
			s.send(s.everyone(), s.own.beat())
		}
		for _, x := range s.sites {
			if s.now-x.heard > goneAfter {
				s.tell(x, "backbone_site_gone", notify.Warning, "is silent, and is gone")
				s.remove(x)
				continue
			}
			s.askDue(x)
		}
		for run, at := range s.left {
			if s.now-at > leftFor {
				delete(s.left, run)
			}
		}
		s.answerDue()
		s.warnDurable()
	})
}

// send sends, once mu is free.
func (s *Sites) send(subject string, data []byte) {
	if s.running || data[3] == goodbye {
		s.stats.Sent++
		s.stats.SentBytes += uint64(len(data))
		s.out.sends = append(s.out.sends, send{subject, data})
	}
}

// random is a time below a bound.
func (s *Sites) random(below time.Duration) time.Duration {
	return time.Duration(s.cfg.Random.Int64N(int64(below)))
}

// soon is a random time from now: the longer, the more sites there are that may do the same.
func (s *Sites) soon() time.Duration {
	return s.now + s.random(min(spreadSite*time.Duration(len(s.sites)+1), spreadMost))
}

// count notes that one more site wants a prefix, or one less.
func (s *Sites) count(prefix string, yes bool) {
	for _, p := range interest.Within([]byte(prefix), s.cfg.Export) {
		changed := false
		if yes {
			changed = s.wanted.Add(p)
		} else {
			changed, _ = s.wanted.Remove(p)
		}
		if changed {
			s.out.wants = append(s.out.wants, want{p, yes})
		}
	}
}

// Stats are counters, and present numbers.
type Stats struct {
	Sites     int    // others that are present
	Local     int    // prefixes that this site wants
	Remote    int    // prefixes that others want
	Heard     uint64 // messages that were understood
	Malformed uint64 // and those that were not
	Refused   uint64 // messages of sites beyond MaxSites
	Asks      uint64 // that were sent
	Deltas    uint64
	Snapshots uint64 // each counts once, however many chunks it has
	Sent      uint64 // messages, all together
	SentBytes uint64
}

// Stats counts.
func (s *Sites) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Sites, st.Local, st.Remote = len(s.sites), len(s.own.set), s.wanted.Len()
	return st
}

// Site is another site, for people.
type Site struct {
	Name       string // "" until it has told it
	Run        uint64
	Offices    []string
	Silent     time.Duration // since it was heard
	Prefixes   int
	Everything bool // it wants too many prefixes
	Current    bool // nothing is missing
}

// List is the sites that are present, in the order of their names.
func (s *Sites) List() []Site {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Site, 0, len(s.sites))
	for _, x := range s.sites {
		all = append(all, Site{x.name, x.run, s.routes.of(x.run), s.now - x.heard, len(x.set), x.all, !x.behind() && !x.wantsHello})
	}
	slices.SortFunc(all, func(a, b Site) int {
		if a.Name != b.Name {
			return cmp.Compare(a.Name, b.Name)
		}
		return cmp.Compare(a.Run, b.Run)
	})
	return all
}
