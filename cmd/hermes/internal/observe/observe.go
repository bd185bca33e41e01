// Package observe watches what passes at an address: how much of each topic and each origin,
// how regularly, with which delay, and what is lost; and what components say of themselves
// under $hermes.
//
// An Observer is one receiver and one goroutine. Three rules keep it harmless:
//
//   - It reads all that comes. A receiver that stops reading makes a post office hold back the
//     publishers, if it is the only subscriber. So the queue of this one drops (queue.full =
//     drop_new) and counts what it has dropped, in Sample.Missed.
//     It is not without effect: with queue.full = auto a post office holds publishers back only
//     while every receiver is behind, so one that keeps up lets slower ones lose envelopes.
//   - It has a share of one core, Config.CPU. When it has used more, it unsubscribes from the
//     traffic until it is within its share again. The post office and the network have less to
//     do then too. Sample.Observed says for how long it was subscribed, and rates are relative
//     to that time. Counts are of what was seen. A subscription that nothing matches stays, so
//     that publishers that have no other subscriber do not wait for one meanwhile.
//   - Its memory is bounded: MaxRows topics (and as many origins), of which MaxHistograms have
//     quantiles. What belongs to further topics is counted in one row, Sample.Other.
//
// Losses are those that the senders' numbers tell. Across a pause of its own the receiver
// reports none.
//
// Locks: Observer.mu guards the tables and the directory. The goroutine holds it for one batch
// at a time, Sample while it copies.
package observe

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

const (
	// MaxRows is the number of topics, or origins, that are told apart.
	MaxRows = 100_000
	// MaxHistograms is the number of rows that have quantiles: each histogram is 27 kB.
	MaxHistograms = 1_024
	// DefaultCPU is the share of one core that an observer may use.
	DefaultCPU = 0.5
)

const (
	batchSize = 4096
	// rest is how long a batch is collected in the queue: fewer, larger batches cost less.
	// Times of arrival are those of the receiver, so that nothing measured depends on it.
	rest = 5 * time.Millisecond
	// settle is how long after a subscription envelopes that are older than it are taken for
	// those of a cache. It is extended as long as more of them come.
	settle = 300 * time.Millisecond
)

// Key is what the rows of a table stand for.
type Key int

// The keys.
const (
	ByTopic Key = iota
	ByOrigin
)

// Quantity is what histograms are made of.
type Quantity int

// The quantities: none, the delay from ts to arrival, or the interval between two arrivals.
const (
	None Quantity = iota
	Delay
	Interval
)

// Config says what to watch. Zero values stand for the defaults.
type Config struct {
	Topics     []string // prefixes; none: every topic that does not begin with $
	By         []Key    // one table for each; none: ByTopic
	Histogram  Quantity
	CPU        float64              // share of one core; 0: DefaultCPU; negative: no limit
	Components bool                 // collect what components say of themselves
	Quiet      bool                 // subscribe to nothing else
	CPUTime    func() time.Duration // that was used so far; nil: that of this process
	rows       int                  // limit of a table; 0: MaxRows
}

// Observer watches one address. Its methods are for several goroutines.
type Observer struct {
	config   Config
	receiver *core.Receiver
	done     chan struct{}

	mu        sync.Mutex
	err       error
	tables    []*table
	directory Directory
	govern    governor
	began     time.Time // of the sample
	blind     time.Duration
	pausedAt  time.Time // zero while subscribed
	settled   float64   // until then, older envelopes are those of a cache
	since     float64   // of the last subscription
	before    core.ReceiverStats
}

// Prepare sets what an observer needs of its receiver. Options that the user sets come after.
func Prepare(r *core.Receiver) error {
	for _, x := range [][2]string{{"on_slow", "ignore"}, {"queue.full", "drop_new"}} {
		if err := r.Set(x[0], x[1]); err != nil {
			return err
		}
	}
	return nil
}

// New begins to observe with a receiver that is prepared and not started yet. Close ends it;
// the receiver is the caller's to close.
func New(r *core.Receiver, config Config) (*Observer, error) {
	if len(config.By) == 0 {
		config.By = []Key{ByTopic}
	}
	if config.Quiet {
		config.Topics = nil
	} else if len(config.Topics) == 0 {
		config.Topics = []string{""}
	}
	if config.CPU == 0 {
		config.CPU = DefaultCPU
	}
	if config.CPUTime == nil {
		config.CPUTime = processTime
	}
	if config.rows == 0 {
		config.rows = MaxRows
	}
	o := &Observer{config: config, receiver: r, done: make(chan struct{})}
	for _, by := range config.By {
		o.tables = append(o.tables, newTable(by, config.Histogram, config.rows))
	}
	o.govern = governor{share: config.CPU}
	if err := o.subscribeAll(); err != nil {
		return nil, err
	}
	if err := r.Start(); err != nil {
		return nil, err
	}
	o.begin(time.Now())
	go o.run()
	return o, nil
}

// SelfPrefix is what topics under which components tell their state begin with.
const SelfPrefix = "$hermes/"

// idleSuffix makes a topic that is allowed, if the prefix before it is, and that nothing has.
const idleSuffix = "\x00hermes-observe"

func (o *Observer) subscribeAll() error {
	if err := o.receiver.Subscribe(SelfPrefix); err != nil {
		return err
	}
	// The traffic comes first: publishers that wait for a subscriber begin with the first one.
	if err := o.subscribe(); err != nil || len(o.config.Topics) == 0 {
		return err
	}
	return o.receiver.Subscribe(o.config.Topics[0] + idleSuffix)
}

func (o *Observer) subscribe() error {
	for _, topic := range o.config.Topics {
		if err := o.receiver.Subscribe(topic); err != nil {
			return err
		}
	}
	o.since = seconds(time.Now())
	o.settled = o.since + settle.Seconds()
	return nil
}

func (o *Observer) unsubscribe() error {
	for _, topic := range o.config.Topics {
		if err := o.receiver.Unsubscribe(topic); err != nil {
			return err
		}
	}
	return nil
}

// begin starts the first sample.
func (o *Observer) begin(now time.Time) {
	o.began = now
	o.govern.begin(now, o.config.CPUTime())
}

// Begin lets the first sample begin now, as if nothing had been seen for longer: once the receiver
// is connected. What has arrived before is counted.
func (o *Observer) Begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.began, o.blind = time.Now(), 0
}

// run takes what arrives until the receiver has stopped.
func (o *Observer) run() {
	defer close(o.done)
	for {
		d, err := o.receiver.Take(batchSize, 100*time.Millisecond)
		n := 0
		switch {
		case err == nil:
			n = d.Len()
			o.add(d)
			d.Release()
		case core.CodeOf(err) != core.ETIMEOUT:
			o.fail(err)
			return
		}
		if err := o.pace(time.Now()); err != nil {
			o.fail(err)
			return
		}
		if n < batchSize && n > 0 {
			time.Sleep(rest)
		}
	}
}

func (o *Observer) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

// add books what one Take has taken.
func (o *Observer) add(d *core.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range d.Len() {
		v := d.At(i)
		if bytes.HasPrefix(v.Topic, []byte(SelfPrefix)) {
			if o.config.Components {
				o.directory.Add(string(v.Topic), v.Data, v.TS, v.Received)
			}
			if !o.watches(v.Topic) {
				continue
			}
		}
		cached := v.Received < o.settled && v.TS < o.since
		if cached {
			o.settled = max(o.settled, v.Received+settle.Seconds())
		}
		for _, t := range o.tables {
			t.add(&v, cached)
		}
	}
}

// watches reports whether a topic under $hermes is one that was asked for by name.
func (o *Observer) watches(topic []byte) bool {
	return slices.ContainsFunc(o.config.Topics, func(prefix string) bool {
		return prefix != "" && prefix[0] == '$' && bytes.HasPrefix(topic, []byte(prefix))
	})
}

// pace unsubscribes or subscribes, as the share of the core demands.
func (o *Observer) pace(now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	paused := !o.pausedAt.IsZero()
	if o.config.CPU < 0 || !o.govern.due(now) {
		return nil
	}
	switch pause := o.govern.step(now, o.config.CPUTime(), paused); {
	case pause && !paused:
		o.pausedAt = now
		return o.unsubscribe()
	case !pause && paused:
		o.blind += now.Sub(o.pausedAt)
		o.pausedAt = time.Time{}
		return o.subscribe()
	}
	return nil
}

// Sample is what was seen since the one before.
type Sample struct {
	At       time.Time
	Elapsed  time.Duration // since the sample before
	Observed time.Duration // of it the observer was subscribed
	Rows     [][]Row       // for each of Config.By, in no order
	Other    []Row         // for each of Config.By: topics beyond the limit, together
	Lost     uint64        // missing by their numbers
	Again    uint64        // with a number that was seen before
	Missed   uint64        // dropped in the observer's own queue: they are in no row
	Bad      uint64        // messages that are not envelopes
	Peers    int           // connected publishers or post offices
	Problem  string        // of the connection, for people; empty if none is known
	Silent   bool          // nothing has ever arrived
}

// Exact reports whether every envelope that came in this sample was counted.
func (s *Sample) Exact() bool { return s.Observed == s.Elapsed && s.Missed == 0 }

// Note says in words what is not exact, or "".
func (s *Sample) Note() string {
	switch {
	case s.Exact():
		return ""
	case s.Observed == s.Elapsed:
		return fmt.Sprintf("%d envelopes came too fast to be counted by topic", s.Missed)
	}
	return fmt.Sprintf("sampled: subscribed for %.0f %% of the time, so that no core is kept busy; rates are of that time",
		100*s.Observed.Seconds()/max(s.Elapsed.Seconds(), 1e-9))
}

// Rate is how many of n there were in a second.
func (s *Sample) Rate(n uint64) float64 {
	if s.Observed <= 0 {
		return 0
	}
	return float64(n) / s.Observed.Seconds()
}

// Sample ends a sample and begins the next. The error is why no more comes.
func (o *Observer) Sample() (Sample, error) {
	stats := o.receiver.Stats()
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	s := Sample{At: now, Elapsed: now.Sub(o.began), Peers: len(stats.Peers), Problem: stats.Problem, Silent: stats.Arrived == 0,
		Lost: stats.Lost - o.before.Lost, Again: stats.Duplicates - o.before.Duplicates,
		Missed: stats.DroppedOverflow - o.before.DroppedOverflow, Bad: stats.DroppedMalformed - o.before.DroppedMalformed}
	blind := o.blind
	if !o.pausedAt.IsZero() {
		blind += now.Sub(o.pausedAt)
		o.pausedAt = now
	}
	s.Observed = s.Elapsed - blind
	for _, t := range o.tables {
		rows, other := t.take(seconds(now))
		s.Rows, s.Other = append(s.Rows, rows), append(s.Other, other)
	}
	o.began, o.blind, o.before = now, 0, stats
	return s, o.err
}

// Components are what has been heard under $hermes.
func (o *Observer) Components() []Component {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.directory.List()
}

// Directory is a copy of what has been heard under $hermes.
func (o *Observer) Directory() Directory {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.directory.clone()
}

// Done is closed when the receiver has stopped.
func (o *Observer) Done() <-chan struct{} { return o.done }

// Close stops the receiver and waits until the goroutine has ended.
func (o *Observer) Close() {
	_ = o.receiver.Stop(time.Second)
	<-o.done
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
