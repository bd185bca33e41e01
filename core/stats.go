package core

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
	"github.com/hermes-zmq/hermes/internal/telemetry"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// ComponentStats are what all statistics begin with.
type ComponentStats struct {
	Kind          string `json:"kind"` // publisher, receiver, post office, node
	Name          string `json:"name"`
	State         string `json:"state"` // new, running, stopping, stopped, closed
	StopReason    string `json:"stop_reason"`
	Problem       string `json:"problem"`            // of its connections, for people; empty if none is known
	Instance      string `json:"instance"`           // random: tells components of the same name apart
	EventsDropped uint64 `json:"events_dropped"`     // because none was taken for too long
	StatsSkipped  uint64 `json:"stats_skipped"`      // envelopes about its own state that found no room
	Refused       uint64 `json:"handshakes_refused"` // of peers that this end has refused, or that have refused it

	DroppedDenied       uint64 `json:"dropped_denied"`       // messages that peers had no right to publish; in none of the sums
	SubscriptionsDenied uint64 `json:"subscriptions_denied"` // of peers, that they had no right to
}

func (c *component) commonStats() ComponentStats {
	problem := c.links.Problem()
	messages, subscriptions := c.deniedSoFar()
	c.mu.Lock()
	defer c.mu.Unlock()
	return ComponentStats{Kind: c.kind, Name: c.name, State: c.state.String(), StopReason: c.reason, Problem: problem,
		Instance: c.instance, EventsDropped: c.events.Dropped(), StatsSkipped: c.shows.reporter.Skipped(), Refused: c.refused.Load(), DroppedDenied: messages, SubscriptionsDenied: subscriptions}
}

// showing is how a component publishes its own state; see package telemetry.
type showing struct {
	showOptions
	defaultName string
	reporter    telemetry.Reporter
	audience    func() *telemetry.Audience // of the outlet that carries it; nil: none, now or ever
}

// show makes the component one that can publish its own state, through an outlet with this audience.
// stats is its StatsJSON.
func (c *component) show(defaultName, means string, stats func() []byte, audience func() *telemetry.Audience, publish func(topic, origin, data []byte) bool) {
	c.shows.defaultName, c.shows.audience = defaultName, audience
	c.shows.add(&c.options, means)
	c.shows.reporter.Init(telemetry.Config{
		Kind: strings.ReplaceAll(c.kind, " ", ""), Interval: c.shows.interval.Get, Stats: stats, Publish: publish, Fail: c.Fail,
		Event: func(e notify.Event) []byte { return Event(e).JSON() },
	})
}

// beginShowing begins a run. The caller holds life.
func (c *component) beginShowing() {
	if s := &c.shows; s.audience != nil {
		c.copyEvents()
		s.reporter.Begin(cmp.Or(s.name.Get(), s.defaultName), s.audience())
	}
}

// endShowing publishes the state for the last time in a run. Calling it twice does nothing.
func (c *component) endShowing() {
	if c.shows.audience != nil {
		c.shows.reporter.End()
	}
}

// showingChanged makes another interval take effect.
func (c *component) showingChanged() {
	c.copyEvents()
	c.shows.reporter.Changed()
}

// copyEvents gives the reporter the events from now on, if state is published.
func (c *component) copyEvents() {
	if c.shows.reporter.Active() {
		c.events.CopyTo(&c.shows.reporter.Events, nil)
	} else {
		c.events.CopyTo(nil, nil)
	}
}

func newInstance() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it cannot fail
	return hex.EncodeToString(b[:])
}

// offices counts the post offices of this process, whose names need it.
var offices atomic.Uint32

// officeName names a post office that was given no name: HOST-PID, and from the second of a process on
// HOST-PID-NUMBER.
func officeName() string {
	host, err := os.Hostname()
	if err != nil || !utf8.ValidString(host) {
		host = "localhost"
	}
	name := fmt.Sprintf("%s-%d", host, os.Getpid())
	if n := offices.Add(1); n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return name
}

// publishState publishes an envelope about the publisher, or a receiver that does so through it, if there
// is room in the queue. It counts as any other.
func (p *Publisher) publishState(topic, origin, data []byte) bool {
	if p.checkSize(len(topic)+len(origin)+len(data)) != nil {
		return false
	}
	done, err := sendqueue.Put(&p.queue, topic, origin, data, sendqueue.Form{Encoded: true, Spare: true})
	if done.Asleep {
		p.currentSender().Wake()
	}
	return err == nil && done.Open && !done.Full
}

// statsJSON encodes statistics, which are numbers and strings only.
func statsJSON(v any) []byte {
	text, err := wire.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// PostOfficeStats are a post office's counters, taken at one instant. What single
// subscribers got and lost is in Subscribers. What comes out of the cache or of history has
// counters of its own and is in none of the others.
type PostOfficeStats struct {
	ComponentStats
	PostOfficeCounters
	CacheCounters
	HistoryCounters
	Throttled   float64 `json:"throttled_seconds"` // for which publishers were held back, summed over all
	Ready       bool    `json:"ready"`             // all sides are open
	Publishers  []Peer  `json:"publishers"`
	Subscribers []Peer  `json:"subscribers"`
	Ended       []Ended `json:"ended"` // what went over connections that have ended
}

// PostOfficeCounters count messages, over all runs. At any moment in_messages =
// out_messages + unwanted + dropped, where a message counts once however many subscribers
// it went to, and as dropped if it went to none of those that had subscribed to it.
// DroppedOld and DroppedConflated are in none of the sums: they count the messages that were
// removed from the queues of subscribers, once for each of these. What the post office publishes
// of itself is in OwnMessages alone, and in what its subscribers were sent. Messages are counted when
// they have been passed on: a receiver may have one an instant before.
type PostOfficeCounters struct {
	InMessages  uint64 `json:"in_messages"`
	InBytes     uint64 `json:"in_bytes"`
	OutMessages uint64 `json:"out_messages"`
	OutBytes    uint64 `json:"out_bytes"` // of every copy
	Unwanted    uint64 `json:"unwanted"`  // no subscriber had subscribed to them
	Dropped     uint64 `json:"dropped"`

	DroppedOld       uint64 `json:"dropped_old"`       // the queue of a subscriber was full, and they made room
	DroppedConflated uint64 `json:"dropped_conflated"` // it was full, and a newer one of the topic replaced them

	OwnMessages uint64 `json:"own_messages"` // about its own state, that it has published itself
	OwnUnwanted uint64 `json:"own_unwanted"` // of these: no subscriber had subscribed to them
	OwnDropped  uint64 `json:"own_dropped"`  // of these: no subscriber had room for them
}

// CacheCounters are those of a post office's cache of last values: all 0 if it has none.
type CacheCounters struct {
	CacheTopics   uint64 `json:"cache_topics"`
	CacheMessages uint64 `json:"cache_messages"`
	CacheBytes    int64  `json:"cache_bytes"`
	CacheEvicted  uint64 `json:"cache_evicted"`
	CacheSent     uint64 `json:"cache_sent"`
	CacheDropped  uint64 `json:"cache_dropped"`
}

// HistoryCounters are those of a post office that keeps history, over all runs: all 0 if it
// keeps none.
type HistoryCounters struct {
	HistoryMessages    uint64 `json:"history_messages"`    // sent from history, one for each subscriber
	HistoryIncomplete  uint64 `json:"history_incomplete"`  // how often a subscriber was told that it does not get all
	HistorySubscribers int64  `json:"history_subscribers"` // that read history now
}

// Stats takes the counters at one instant.
func (p *PostOffice) Stats() PostOfficeStats {
	s := PostOfficeStats{ComponentStats: p.commonStats(), Ready: p.ready.IsOpen(), Publishers: []Peer{}, Subscribers: []Peer{}}
	if r := p.current(); r != nil {
		in, out, debug := r.Sockets()
		s.Publishers, s.Subscribers = peersOf(in, "publisher"), peersOf(out, "subscriber")
		s.CacheCounters = CacheCounters(r.Cache().Counters())
		if debug != nil {
			s.Subscribers = append(s.Subscribers, peersOf(debug, "debug")...)
		}
	}
	s.Ended = p.ended.now()
	s.PostOfficeCounters = PostOfficeCounters(p.counters.Now())
	h := p.counters.History()
	s.HistoryCounters = HistoryCounters{HistoryMessages: h.Messages, HistoryIncomplete: h.Incomplete, HistorySubscribers: h.Catching}
	s.Throttled = p.counters.Held().Seconds()
	return s
}

// StatsJSON implements Component.
func (p *PostOffice) StatsJSON() []byte { return statsJSON(p.Stats()) }

// PublisherStats are a publisher's counters, taken at one instant.
type PublisherStats struct {
	ComponentStats
	PublisherCounters
	ConfirmCounters
	Queued      int64  `json:"queued"`       // envelopes accepted, and neither sent nor dropped yet
	QueuedBytes int64  `json:"queued_bytes"` // their size, framed
	Ready       bool   `json:"ready"`        // there is a subscription
	Peers       []Peer `json:"peers"`

	Ended []Ended `json:"ended"` // what went over connections that have ended
}

// PublisherCounters count envelopes, over all runs of a publisher. At any moment accepted =
// sent + queued + unwanted + dropped_no_peer + dropped_full + dropped_old +
// dropped_conflated + dropped_stop.
type PublisherCounters struct {
	Accepted         uint64 `json:"accepted"`          // published without an error, or dropped later
	Sent             uint64 `json:"sent"`              // handed to a connection
	SentBytes        uint64 `json:"sent_bytes"`        // their size, framed
	Unwanted         uint64 `json:"unwanted"`          // no peer had a subscription for them
	DroppedNoPeer    uint64 `json:"dropped_no_peer"`   // there was no connection, or it broke before they were written
	DroppedFull      uint64 `json:"dropped_full"`      // the queue was full, and they were the new ones
	DroppedOld       uint64 `json:"dropped_old"`       // the queue was full, and they made room
	DroppedConflated uint64 `json:"dropped_conflated"` // the queue was full, and a newer one of the topic replaced them
	DroppedStop      uint64 `json:"dropped_stop"`      // not sent when the time of a stop was up
}

// ConfirmCounters count envelopes of durable topics, which the post office confirms when it has stored
// them. They are in none of the sums: all of these envelopes are in Sent.
type ConfirmCounters struct {
	Retained    int64  `json:"retained"`    // now: sent, and not confirmed yet
	Resent      uint64 `json:"resent"`      // sent again over another connection
	Unconfirmed uint64 `json:"unconfirmed"` // not confirmed when the time of a stop was up: they may have arrived, or be lost
}

// Stats takes the counters at one instant.
func (p *Publisher) Stats() PublisherStats {
	s := PublisherStats{ComponentStats: p.commonStats(), Ready: p.ready.IsOpen(), Peers: peersOf(p.currentOutlet(), "subscriber"), Ended: p.ended.now()}
	now := p.queue.Snapshot()
	s.PublisherCounters, s.Queued, s.QueuedBytes = PublisherCounters(now.Counters), now.Queued, now.QueuedBytes
	p.mu.Lock()
	outlet, resent := p.outlet, p.resent
	p.mu.Unlock()
	r := retentionOf(outlet)
	s.ConfirmCounters = ConfirmCounters{Retained: r.Messages, Resent: resent + r.Resent, Unconfirmed: p.unconfirmed.Load()}
	return s
}

// StatsJSON implements Component.
func (p *Publisher) StatsJSON() []byte { return statsJSON(p.Stats()) }

// ReceiverStats are a receiver's counters, in envelopes unless they say bytes. At
// any moment arrived = delivered + queued + held + dropped_origin + dropped_stale +
// dropped_malformed + dropped_overflow + dropped_old + dropped_conflated +
// dropped_duplicate.
type ReceiverStats struct {
	ComponentStats
	Arrived          uint64  `json:"arrived"`
	Delivered        uint64  `json:"delivered"`         // taken by the program
	DroppedOrigin    uint64  `json:"dropped_origin"`    // of an origin that is not accepted
	DroppedStale     uint64  `json:"dropped_stale"`     // too old on arrival
	DroppedMalformed uint64  `json:"dropped_malformed"` // messages that are not valid envelopes
	DroppedOverflow  uint64  `json:"dropped_overflow"`  // new, when the queue was full
	DroppedOld       uint64  `json:"dropped_old"`       // the oldest, when the queue was full
	DroppedConflated uint64  `json:"dropped_conflated"` // replaced by a newer one of the same topic
	DroppedDuplicate uint64  `json:"dropped_duplicate"` // copies of envelopes that were delivered
	FromFuture       uint64  `json:"from_future"`       // dated in the future; in none of the sums
	Cached           uint64  `json:"cached"`            // out of a post office's cache; in none of the sums
	Held             int64   `json:"held"`              // now, for earlier ones that may come over another path
	Lost             uint64  `json:"lost"`              // missing, as their numbers tell
	Duplicates       uint64  `json:"duplicates"`        // with a number that was seen before
	Lag              float64 `json:"lag"`               // seconds: age of the newest envelope on arrival
	LagMax           float64 `json:"lag_max"`           // seconds: the greatest since the start
	Queued           int64   `json:"queued"`            // now
	QueuedBytes      int64   `json:"queued_bytes"`
	Ready            bool    `json:"ready"`
	Peers            []Peer  `json:"peers"`
	Ended            []Ended `json:"ended"` // what came over connections that have ended
}

// Stats takes the counters at one instant.
func (r *Receiver) Stats() ReceiverStats {
	peers := peersOf(r.currentInlet(), "publisher")
	common, ready, s := r.commonStats(), r.ready.IsOpen(), r.queue.Stats()
	return ReceiverStats{ComponentStats: common, Ready: ready, Peers: peers, Ended: r.ended.now(),
		Arrived: s.Arrived, Delivered: s.Delivered, DroppedOrigin: s.DroppedOrigin, DroppedStale: s.DroppedStale,
		DroppedMalformed: s.DroppedMalformed, DroppedOverflow: s.DroppedOverflow, DroppedOld: s.DroppedOld,
		DroppedConflated: s.DroppedConflated, DroppedDuplicate: s.DroppedDuplicate, FromFuture: s.FromFuture,
		Cached: s.Cached, Held: s.Held, Lost: s.Lost, Duplicates: s.Duplicates,
		Lag: s.Lag.Newest, LagMax: s.Lag.Max, Queued: s.Queued, QueuedBytes: s.QueuedBytes}
}

// StatsJSON implements Component.
func (r *Receiver) StatsJSON() []byte { return statsJSON(r.Stats()) }

// nodeStats are the statistics of a node: its own, and the counters of its components, null if
// it has none.
type nodeStats struct {
	ComponentStats
	Receiver  json.RawMessage `json:"receiver"`
	Publisher json.RawMessage `json:"publisher"`
}

// StatsJSON implements Component: the counters of both components.
func (n *Node) StatsJSON() []byte {
	s := nodeStats{ComponentStats: n.commonStats()}
	if n.receiver != nil {
		s.Receiver = n.receiver.StatsJSON()
	}
	if n.publisher != nil {
		s.Publisher = n.publisher.StatsJSON()
	}
	return statsJSON(s)
}

// Peer is one connection, as far as its carrier knows it.
type Peer struct {
	ID            uint64  `json:"id"`
	Role          string  `json:"role"` // publisher, subscriber, or debug: a subscriber of the copy for debugging
	Address       string  `json:"address"`
	Type          string  `json:"type,omitempty"` // the peer's ZeroMQ socket type
	Key           string  `json:"key,omitempty"`  // its public key, in Z85, if the connection is encrypted
	User          string  `json:"user,omitempty"` // which of the policy's it is, if there is one
	UID           *uint32 `json:"uid,omitempty"`  // the user that it runs as, and that user's group, over ipc
	GID           *uint32 `json:"gid,omitempty"`
	Age           float64 `json:"age"` // seconds
	Subscriptions int     `json:"subscriptions"`
	QueueMessages int     `json:"queue_messages"`
	QueueBytes    int64   `json:"queue_bytes"`
	Sent          uint64  `json:"sent"`
	Received      uint64  `json:"received"`
	Dropped       uint64  `json:"dropped"`

	Instance       string `json:"instance,omitempty"` // of the component at the other end, if it has said so
	System         uint64 `json:"sent_system"`        // part of sent: of topics that begin with $
	ReceivedSystem uint64 `json:"received_system"`    // part of received: of topics that begin with $
	Denied         uint64 `json:"denied"`             // part of received: the peer had no right to them
	Filtered       uint64 `json:"filtered"`           // part of received: no subscription matched (any more)

	Throttled   float64 `json:"throttled_seconds"`      // for which a post office has held back this publisher
	ThrottledBy uint64  `json:"throttled_by,omitempty"` // the subscriber that it last did so for
}

// Ended is the counters of the connections to one other component that have ended, as far as the carrier knows
// them. The fields are those of Peer.
type Ended struct {
	Role           string `json:"role"`     // as that of Peer
	Instance       string `json:"instance"` // of the other component; empty: of all that have not said theirs
	Connections    uint64 `json:"connections"`
	Sent           uint64 `json:"sent"`
	Received       uint64 `json:"received"`
	System         uint64 `json:"sent_system"`
	ReceivedSystem uint64 `json:"received_system"`
	Denied         uint64 `json:"denied"`
	Filtered       uint64 `json:"filtered"`
	Dropped        uint64 `json:"dropped"`
	Unsent         uint64 `json:"unsent"` // what waited to be sent when the connection ended
}

// ended is the connections of a component that have ended, over all its runs. The zero value is ready for use.
type ended struct {
	mu      sync.Mutex
	sockets map[string]carrier.Socket // of the present or last run, by role
	before  map[string][]carrier.Past // of those before
}

// follow takes over the socket of another run.
func (e *ended) follow(role string, s carrier.Socket) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sockets == nil {
		e.sockets, e.before = map[string]carrier.Socket{}, map[string][]carrier.Past{}
	}
	e.before[role] = e.of(role)
	e.sockets[role] = s
}

// of adds up what is known of a role. The caller holds mu.
func (e *ended) of(role string) []carrier.Past {
	all := slices.Clone(e.before[role])
	k, ok := e.sockets[role].(carrier.PastKeeper)
	if !ok {
		return all
	}
	for _, p := range k.Past() {
		if i := slices.IndexFunc(all, func(other carrier.Past) bool { return other.Instance == p.Instance }); i >= 0 {
			all[i].Add(&p)
		} else {
			all = append(all, p)
		}
	}
	return all
}

// now lists them.
func (e *ended) now() []Ended {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := []Ended{}
	for _, role := range slices.Sorted(maps.Keys(e.sockets)) {
		for _, p := range e.of(role) {
			out = append(out, Ended{Role: role, Instance: p.Instance, Connections: p.Connections, Sent: p.Sent, Received: p.Received, System: p.System,
				ReceivedSystem: p.ReceivedSystem, Denied: p.Denied, Filtered: p.Filtered, Dropped: p.Dropped, Unsent: p.Unsent})
		}
	}
	return out
}

// peersOf lists the peers of a socket, which may be nil.
func peersOf(s carrier.Socket, role string) []Peer {
	out := []Peer{}
	if s == nil {
		return out
	}
	for _, p := range s.Peers() {
		peer := Peer{ID: p.ID, Role: role, Address: p.Address, Type: p.Type, Key: p.Key, User: p.User, Age: time.Since(p.Since).Seconds(),
			Subscriptions: p.Subscriptions, QueueMessages: p.QueueMessages, QueueBytes: p.QueueBytes,
			Sent: p.Sent, Received: p.Received, Dropped: p.Dropped,
			Instance: p.Instance, System: p.System, ReceivedSystem: p.ReceivedSystem, Denied: p.Denied, Filtered: p.Filtered,
			Throttled: p.Held.Total.Seconds(), ThrottledBy: p.Held.By}
		if u := p.Local; u != nil {
			peer.UID, peer.GID = &u.UID, &u.GID
		}
		out = append(out, peer)
	}
	return out
}

// retentionOf is what an outlet retains, which may be nil.
func retentionOf(o carrier.Outlet) carrier.Retention {
	if r, ok := o.(carrier.Retainer); ok {
		return r.Retention()
	}
	return carrier.Retention{}
}
