package backbone

import (
	"cmp"
	crand "crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/interest"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/natssubject"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/random"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/sites"
	"github.com/hermes-zmq/hermes/internal/trie"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Backbone is a post office's membership. All methods may be called from any goroutine.
type Backbone struct {
	o      Options
	who    string
	office *embed.Office
	space  natssubject.Space
	run    uint64 // drawn at random, names this site in what it sends

	server     *server.Server // nil: it runs elsewhere
	token      string         // which the server demands, where it is for this process alone
	conn       *nats.Conn
	sites      *sites.Sites
	link       link
	inbox      inbox
	sender     sender
	subscriber subscriber

	events       notify.Log
	ready        latch.Latch // open while connected
	reconnects   atomic.Uint64
	reviewed     atomic.Uint64 // Sites.Routes, when link.review was called last
	problems     sync.Mutex    // guards problemLimit and serverLimit
	problemLimit notify.Limiter
	serverLimit  notify.Limiter
	waits        durableProblem
	long         tooLong

	closing atomic.Bool
	closed  latch.Latch
	once    sync.Once
	stop    chan struct{} // closed when the goroutines are to end
	work    sync.WaitGroup
}

// linger is how long Close sends what waits.
const linger = time.Second

// Join joins a post office to the backbone until Close, over all its runs. It waits for a first
// attempt to connect, and goes on in the background where that fails. EINVAL for options that do not
// fit, ESTATE where the post office has joined already, EADDRINUSE where its own NATS server cannot
// listen.
func Join(office *core.PostOffice, o Options) (*Backbone, error) {
	b := &Backbone{office: embed.OfficeOf(office), stop: make(chan struct{})}
	b.who = b.office.Who()
	if err := b.prepare(o); err != nil {
		return nil, err
	}
	if b.o.Embedded != nil {
		var err error
		if b.server, err = startServer(b.who, b.o.Embedded, b.o.Cluster, b.serverName(), b.token, b.serverProblem); err != nil {
			_ = b.link.durable.close(&deadline.StopLimit{}, false)
			return nil, err
		}
	}
	err := b.connect()
	if err == nil {
		err = b.begin()
	}
	if err == nil {
		err = b.link.durable.connect(b.conn)
	}
	if err == nil {
		err = b.office.Join(&b.link)
	}
	if err != nil {
		_ = b.Close()
		return nil, err
	}
	return b, nil
}

// serverName is unique in a cluster of NATS, as it has to be. With JetStream it stays the same, for it
// says whose the stored messages are.
func (b *Backbone) serverName() string {
	name := strings.Join(strings.Fields(b.o.Site), "-")
	if b.o.Embedded.Store != "" {
		return name
	}
	return fmt.Sprintf("%s-%016x", name, b.run)
}

// Endpoints are where the NATS server of Options.Embedded listens: for clients, and for other servers
// of its cluster. "" where it does not.
func (b *Backbone) Endpoints() (client, cluster string) {
	if b.server == nil {
		return "", ""
	}
	if a := b.server.Addr(); a != nil && b.o.Embedded.Client != "" {
		client = "nats://" + a.String()
	}
	if a := b.server.ClusterAddr(); a != nil {
		cluster = "nats://" + a.String()
	}
	return client, cluster
}

// prepare checks and completes the options, and makes what needs no connection.
func (b *Backbone) prepare(o Options) error {
	if (len(o.Servers) > 0) == (o.Embedded != nil) {
		return errs.Errorf(errs.EINVAL, "%s: a backbone needs either Servers, where NATS runs, or Embedded, to run it in this process", b.who)
	}
	host, _ := os.Hostname()
	o.Site, o.Cluster = cmp.Or(o.Site, host), cmp.Or(o.Cluster, DefaultCluster)
	o.QueueMessages, o.QueueBytes = cmp.Or(o.QueueMessages, DefaultQueueMessages), cmp.Or(o.QueueBytes, DefaultQueueBytes)
	if o.Site == "" || len(o.Site) > maxSite || !utf8.ValidString(o.Site) {
		return errs.Errorf(errs.EINVAL, "%s cannot be called %.80q on the backbone: use 1 to %d bytes of UTF-8", b.who, o.Site, maxSite)
	}
	if o.QueueMessages < 0 || o.QueueBytes < 0 {
		return errs.Errorf(errs.EINVAL, "%s: the bounds of a backbone's queue are %d messages and %d bytes, and cannot be negative", b.who, o.QueueMessages, o.QueueBytes)
	}
	var err error
	if b.space, err = natssubject.New(o.Cluster); err != nil {
		return err
	}
	imports, err := prefixes(&b.inbox.imports, "Import", o.Import)
	if err != nil {
		return err
	}
	exports, err := prefixes(&b.link.exports, "Export", o.Export)
	if err != nil {
		return err
	}
	b.o, b.run = o, random.Uint64()|1
	b.token, b.link.exportList = crand.Text(), exports
	b.sites = b.newSites(exports)
	b.link.screen.init(b.sites, b.run, &b.inbox.imports)
	b.link.local = interest.New(b.space, imports)
	b.link.queue.init(o.QueueMessages, o.QueueBytes)
	b.link.flush = b.flush
	b.inbox.maxMessages, b.inbox.maxBytes = int64(o.QueueMessages), o.QueueBytes
	b.inbox.init()
	b.subscriber.init()
	return b.openDurable()
}

// maxSite bounds the name of a site.
const maxSite = 255

// prefixes adds the prefixes of topics to a set, as they are on the wire.
func prefixes(s *trie.Set, option string, topics []string) (all [][]byte, err error) {
	for _, t := range topics {
		p, err := wire.Prefixes(t)
		if err != nil {
			return nil, errs.Text(fmt.Sprintf("the option %s of a backbone, %q,", option, t), err)
		}
		all = append(all, p...)
	}
	for _, p := range all {
		s.Add(p)
	}
	return all, nil
}

// begin starts the goroutines.
func (b *Backbone) begin() error {
	b.inbox.run, b.inbox.relay, b.inbox.screen = b.run, b.link.deliver, &b.link.screen
	b.sender = sender{queue: &b.link.queue, conn: b.conn, space: b.space, run: b.run}
	b.subscriber.conn, b.subscriber.local, b.subscriber.ch = b.conn, b.link.local, b.inbox.ch
	b.subscriber.tell = b.tell
	if err := b.listen(); err != nil {
		return errs.Errorf(errs.EIO, "%s cannot hear other sites of the backbone: %v", b.who, err)
	}
	b.sites.Start()
	for _, f := range []func(<-chan struct{}){b.sender.work, b.inbox.read, b.inbox.deliver, b.subscriber.work, b.tick} {
		b.work.Add(1)
		safe.Go(b.fail, func() {
			defer b.work.Done()
			f(b.stop)
		})
	}
	return nil
}

// fail is called when a goroutine has panicked: the post office goes on without a backbone.
func (b *Backbone) fail(err error) {
	b.add("failed", notify.Error, fmt.Sprintf("%s has left the backbone: %v", b.who, err))
	go func() { _ = b.Close() }()
}

// flush waits until NATS has what was published.
func (b *Backbone) flush(limit *deadline.StopLimit) {
	left, _ := limit.Left()
	if left < 0 || left > writeTimeout {
		left = writeTimeout
	}
	if left > 0 && b.conn.IsConnected() {
		_ = b.conn.FlushTimeout(left)
	}
}

// Close leaves the backbone: it sends what waits for a second at most. Closing twice does nothing.
func (b *Backbone) Close() (err error) {
	b.once.Do(func() {
		b.closing.Store(true)
		var limit deadline.StopLimit
		limit.Begin(linger)
		b.office.Leave(&limit, &b.link)
		b.sites.Close()
		err = b.link.durable.close(&limit, b.conn != nil && b.conn.IsConnected())
		if b.conn != nil {
			b.flush(&limit)
		}
		close(b.stop)
		if b.conn != nil {
			b.conn.Close()
		}
		b.work.Wait()
		if b.server != nil && !stopServer(b.server) {
			b.add("backbone_problem", notify.Warning, fmt.Sprintf("%s: its NATS server has not stopped within %v: see whether the disk of its store works", b.who, stopTimeout))
		}
		b.ready.Set(false)
		b.add("backbone_left", notify.Info, b.who+" has left the backbone")
		b.closed.Set(true)
	})
	return err
}

func (b *Backbone) add(kind, level, text string) {
	b.events.Add(notify.Event{Kind: kind, Level: level, Text: text})
}

// NextEvent takes the oldest event. ETIMEOUT where none comes in time; ESTOPPED where none can come
// any more.
func (b *Backbone) NextEvent(timeout time.Duration) (core.Event, error) {
	d := deadline.After(timeout)
	defer d.Stop()
	for {
		over := b.closed.IsOpen()
		if e, ok := b.events.Take(); ok {
			return core.Event(e), nil
		}
		if over {
			return core.Event{}, errs.Errorf(errs.ESTOPPED, "%s has left the backbone", b.who)
		}
		select {
		case <-b.events.Some().Opened():
		case <-b.closed.Opened():
		case <-d.C:
			return core.Event{}, errs.Errorf(errs.ETIMEOUT, "nothing happened to the backbone of %s", b.who)
		}
	}
}

// WaitReady waits until the backbone is connected to NATS. ETIMEOUT, ESTOPPED.
func (b *Backbone) WaitReady(timeout time.Duration) error {
	d := deadline.After(timeout)
	defer d.Stop()
	select {
	case <-b.ready.Opened():
		return nil
	case <-b.closed.Opened():
		return errs.Errorf(errs.ESTOPPED, "%s has left the backbone", b.who)
	case <-d.C:
		why := ""
		if err := b.conn.LastError(); err != nil {
			why = fmt.Sprintf(" (%v)", err)
		}
		return errs.Errorf(errs.ETIMEOUT, "%s is not connected to the backbone at %s%s: see that a NATS server runs there, and lets this site in", b.who, b.where(), why)
	}
}
