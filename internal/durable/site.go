// Package durable carries the messages of some topics between sites so that they survive: a
// backlog on disk (package backlog) while NATS is away, and a stream of JetStream for the other
// sites. It hides how JetStream is used.
//
//	Send -> staging -> writer goroutine -> backlog -> sender goroutine -> stream
//	                                          ^------- acknowledgements -----/
//	stream -> receiver goroutine (one a prefix) -> own? known? -> Deliver -> position
//
// Rules. (1) A message leaves the backlog when JetStream has acknowledged it. (2) Up to a window
// of messages is under way; where one fails, everything that is not acknowledged is sent again,
// in order; JetStream knows copies by their Nats-Msg-Id (message.go). (3) A receiver reads its
// stream in order, from the position of its site, which is kept in JetStream and moves on when
// Deliver has returned. (4) What a site has sent itself, or has seen by origin, topic, run and
// number, it does not deliver (seen.go). (5) Nothing waits for NATS but the goroutines of this
// package: Send drops, and counts, what has no room in memory, and the backlog what has none on
// disk. Publishers that retain their messages until they are stored are the exception: theirs wait
// (staging.go).
//
// Locks: staging.mu, window.mu, seen.mu, receiver.mu and Site.mu are each held alone, and nothing is
// called under them. Every goroutine ends with Close, which waits for it.
package durable

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hermes-zmq/hermes/internal/backlog"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/natssubject"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Config is what a Site needs.
type Config struct {
	Name    string // of the site
	Space   natssubject.Space
	Topics  []Topics
	Backlog backlog.Options // Dir "": a temporary directory, which Close removes
	Window  int             // messages under way; DefaultWindow by default

	QueueMessages int   // what may wait in memory for the disk; 100,000 by default
	QueueBytes    int64 // 64 MiB by default

	// Deliver gives a batch to the post office, and may wait. It reports whether the post
	// office has taken it; if it does not run, it is called again. It keeps no reference.
	Deliver func(*batch.Batch) bool
	// Keep puts a batch into the cache of last values, and reports whether the post office runs.
	// Nil: there is no cache.
	Keep func(*batch.Batch) bool
	// Admit reports whether messages of this topic, a first frame, may enter the site. Nil: all.
	Admit func(topic []byte) bool
	// OnProblem hears that durable topics do not work for now, and why; and with an empty text
	// that they do again. urgent: it costs something at once. Nil: it is not told.
	OnProblem func(text string, urgent bool)
}

// DefaultWindow is how many messages may be under way to JetStream.
const DefaultWindow = 4096

// Topics are the topics that begin with a prefix, and how long JetStream keeps their messages; 0
// is no bound.
type Topics struct {
	Prefix      string
	MaxAge      time.Duration
	MaxBytes    int64
	MaxMessages int64
	Replicas    int           // 1 by default
	Duplicates  time.Duration // for how long JetStream knows a Nats-Msg-Id; 2 minutes by default
	SendOnly    bool          // nothing of them may enter the site, so their stream is not read
}

// Site is the durable topics of one site. Its methods may be called from any goroutine.
type Site struct {
	cfg       Config
	token     string   // the name, as subjects and headers have it
	prefixes  trie.Set // of topics, as first frames begin
	queue     *backlog.Queue
	temporary string // directory to remove at the end, or ""
	staging   staging
	onStored  atomic.Pointer[func()]
	seen      seen
	window    window
	streams   []stream
	resumed   uint64 // messages that waited when the backlog was opened

	runs                                                        atomic.Uint64 // of the post office
	resent, tooLong, duplicates, denied, malformed, in, inBytes atomic.Uint64

	mu       sync.Mutex
	problems map[string]string // by what has them
	closing  bool

	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	group     sync.WaitGroup // goroutines between backlog and NATS
	writer    sync.WaitGroup
	receivers []*receiver
	sender    *sender
}

// Open takes over the backlog. Messages can be sent at once; they wait there until Connect.
func Open(cfg Config) (*Site, error) {
	s := &Site{cfg: cfg, problems: map[string]string{}}
	if err := s.configure(); err != nil {
		return nil, err
	}
	o := cfg.Backlog
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "hermes-backlog-")
		if err != nil {
			return nil, errs.Errorf(errs.EIO, "backlog of site %q: cannot make a temporary directory: %w", cfg.Name, err)
		}
		o.Dir, s.temporary = dir, dir
	}
	queue, err := backlog.Open(o)
	if err != nil {
		s.removeTemporary()
		return nil, errs.Errorf(errs.EIO, "%w", err)
	}
	s.queue = queue
	first, next := queue.Indexes()
	s.resumed = next - first
	s.window.init(s.cfg.Window, first)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.writer.Add(1)
	safe.Go(s.failed("writer"), func() { defer s.writer.Done(); s.write() })
	return s, nil
}

// configure checks the configuration and fills in defaults.
func (s *Site) configure() error {
	c := &s.cfg
	if c.Name == "" || len(c.Name) > 255 {
		return errs.Errorf(errs.EINVAL, "cannot use the site name %.80q for durable topics: use 1 to 255 bytes", c.Name)
	}
	s.token = token(c.Name)
	if c.Window <= 0 {
		c.Window = DefaultWindow
	}
	s.staging.init(c.QueueMessages, c.QueueBytes)
	s.seen.init()
	for _, t := range c.Topics {
		st, err := newStream(c.Space, t)
		if err != nil {
			return err
		}
		for _, other := range s.streams {
			if natssubject.Covers(st.filter, other.filter) || natssubject.Covers(other.filter, st.filter) {
				return errs.Errorf(errs.EINVAL, "durable topics %q and %q have NATS subjects in common (%s, %s), so they need one stream: name only one prefix that covers both",
					other.Prefix, t.Prefix, other.filter, st.filter)
			}
		}
		s.streams = append(s.streams, st)
		s.prefixes.Add(st.raw)
	}
	return nil
}

// Prefixes are what the topics begin with, as first frames: what is to be subscribed to at the
// publishers whether a receiver wants it or not.
func (s *Site) Prefixes() (all [][]byte) {
	for _, st := range s.streams {
		all = append(all, st.raw)
	}
	return all
}

// Match reports whether a topic, a first frame, is durable.
func (s *Site) Match(topic []byte) bool { return systemtopic.Match(&s.prefixes, topic) }

// Connect sends and receives over a connection until Close. It is called once. The connection
// may be away, and come and go.
func (s *Site) Connect(nc *nats.Conn) error {
	l, err := newLine(s, nc)
	if err != nil {
		return err
	}
	s.sender = newSender(s, l)
	for i := range s.streams {
		if st := &s.streams[i]; !st.SendOnly {
			s.receivers = append(s.receivers, newReceiver(s, l, st))
		}
	}
	s.start("sender", s.sender.run)
	for _, r := range s.receivers {
		s.start("receiver of "+r.stream.Prefix, r.run)
		s.start("position of "+r.stream.Prefix, r.savePositions)
	}
	return nil
}

// start runs f in a goroutine, for which Close waits.
func (s *Site) start(what string, f func()) {
	s.group.Add(1)
	safe.Go(s.failed(what), func() { defer s.group.Done(); f() })
}

// failed takes in the panic of a goroutine.
func (s *Site) failed(what string) func(error) {
	return func(err error) { s.problem(what, err.Error()) }
}

// problem notes what keeps a part from working; "" that it works.
func (s *Site) problem(what, text string) {
	s.mu.Lock()
	before := s.problems[what]
	if text == "" {
		delete(s.problems, what)
	} else {
		s.problems[what] = text
	}
	all := len(s.problems)
	s.mu.Unlock()
	if s.cfg.OnProblem == nil || before == text || text == "" && all > 0 {
		return
	}
	if text != "" {
		text = fmt.Sprintf("durable topics of site %q, %s: %s%s", s.cfg.Name, what, text, consequence(what))
	}
	s.cfg.OnProblem(text, strings.HasPrefix(what, "backlog") || strings.HasPrefix(what, lostPosition))
}

// consequence is what a problem of a part means for messages.
func consequence(what string) string {
	switch part, _, _ := strings.Cut(what, " of "); part {
	case "sender":
		return "; messages wait in the backlog"
	case "receiver":
		return "; messages of other sites wait in NATS"
	case "backlog":
		return "; what cannot be written is dropped, and counted"
	case lostPosition:
		return "; all of the stream comes again, marked as old"
	case "position":
		return "; if this process is killed, messages that were received since come again"
	}
	return ""
}

// Restart says that a run of the post office begins, with an empty cache of last values.
func (s *Site) Restart() { s.runs.Add(1) }

// Flush waits until JetStream has acknowledged everything that was sent before, or ctx ends; it
// reports which.
func (s *Site) Flush(ctx context.Context) bool {
	for {
		st := s.Stats()
		if st.Waiting == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.ctx.Done():
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Close writes what is in memory to the backlog, saves positions, and ends all goroutines. What
// JetStream has not acknowledged stays in the backlog.
func (s *Site) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	s.mu.Unlock()
	s.staging.close()
	s.writer.Wait()
	s.cancel()
	s.group.Wait()
	s.leave()
	if s.sender != nil {
		s.sender.close()
	}
	s.queue.Ack(s.window.done())
	err := s.queue.Close()
	s.removeTemporary()
	if err != nil {
		return errs.Errorf(errs.EIO, "%w", err)
	}
	return nil
}

// leaveTimeout bounds how long Close waits for JetStream to have the positions, of all prefixes together.
const leaveTimeout = time.Second

// leave writes the positions for the last time. All goroutines have ended.
func (s *Site) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, r := range s.receivers {
		all.Go(func() { r.leave(ctx) })
	}
	all.Wait()
}

func (s *Site) removeTemporary() {
	if s.temporary != "" {
		_ = os.RemoveAll(s.temporary)
	}
}

// rawPrefix is what topics with a prefix begin with as first frames.
func rawPrefix(prefix string) ([]byte, error) {
	if prefix == "" {
		return []byte(`"`), nil
	}
	if prefix[0] == '"' {
		return []byte(prefix), nil
	}
	return wire.AppendPrefix(nil, prefix)
}
