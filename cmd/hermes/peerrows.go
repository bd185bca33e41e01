package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// peerRow is a connection of a post office, or a component that shows itself, as peers and top
// show it. Rates are between the last two reports.
type peerRow struct {
	Of            string  `json:"of"` // whose connection it is, or which component: kind/name
	ID            uint64  `json:"id,omitempty"`
	Role          string  `json:"role"`
	Address       string  `json:"address,omitempty"`
	User          string  `json:"user,omitempty"`
	Key           string  `json:"key,omitempty"`
	Age           float64 `json:"age,omitempty"`
	Subscriptions int     `json:"subscriptions"`
	QueueMessages int64   `json:"queue_messages"`
	QueueBytes    int64   `json:"queue_bytes"`
	Queue         float64 `json:"queue"` // share of the standard limit of such a queue, 1 is full
	Rate          float64 `json:"rate"`  // envelopes a second
	Total         uint64  `json:"envelopes"`
	Dropped       uint64  `json:"dropped"`
	DroppedRate   float64 `json:"dropped_rate"`
	Lost          uint64  `json:"lost,omitempty"`
	LostRate      float64 `json:"lost_rate,omitempty"`
	Throttled     float64 `json:"throttled"`        // share of the time for which this publisher is held back
	Silent        float64 `json:"silent,omitempty"` // seconds since the last report, if that is long
	Problem       string  `json:"problem,omitempty"`
}

// The standard limits of queues, of which bars show the share: reports do not say which are set.
const (
	endpointQueueMessages  = 1_000_000
	receiverQueueBytes     = 32 << 20
	publisherQueueBytes    = 64 << 20
	subscriberQueueBytes   = carrier.DefaultQueueBytes
	subscriberQueueMessage = carrier.DefaultQueueMessages
)

// fullness is how full a queue is.
func fullness(messages, bytes, mostMessages, mostBytes int64) float64 {
	return max(float64(messages)/float64(mostMessages), float64(bytes)/float64(mostBytes))
}

// silentAfter is how many seconds without a report are noted.
const silentAfter = 10

// peerRows are all connections and components of a directory, at a time in seconds.
func peerRows(components []observe.Component, now float64) (rows []peerRow) {
	for _, c := range components {
		from := len(rows)
		switch {
		case c.Now.Office != nil:
			rows = append(rows, officeRows(&c)...)
		case c.Now.Publisher != nil:
			rows = append(rows, publisherRow(&c))
		case c.Now.Receiver != nil:
			rows = append(rows, receiverRow(&c))
		}
		for i := range rows[from:] {
			if quiet := now - c.Received; quiet > silentAfter {
				rows[from+i].Silent = quiet
			}
		}
	}
	return rows
}

func officeRows(c *observe.Component) (rows []peerRow) {
	type connection struct { // each side numbers its own
		publisher bool
		id        uint64
	}
	past := map[connection]core.Peer{}
	if c.Past.Office != nil {
		for _, p := range slices.Concat(c.Past.Office.Publishers, c.Past.Office.Subscribers) {
			past[connection{p.Role == "publisher", p.ID}] = p
		}
	}
	for _, p := range slices.Concat(c.Now.Office.Publishers, c.Now.Office.Subscribers) {
		old, known := past[connection{p.Role == "publisher", p.ID}]
		r := peerRow{Of: c.Kind + "/" + c.Name, ID: p.ID, Role: p.Role, Address: p.Address, User: p.User, Key: p.Key, Age: p.Age,
			Subscriptions: p.Subscriptions, QueueMessages: int64(p.QueueMessages), QueueBytes: p.QueueBytes,
			Queue: fullness(int64(p.QueueMessages), p.QueueBytes, subscriberQueueMessage, subscriberQueueBytes),
			Total: p.Sent, Dropped: p.Dropped}
		before := old.Sent
		if p.Role == "publisher" {
			r.Total, before = p.Received, old.Received
		}
		if known || p.Age <= c.Interval {
			r.Rate, r.DroppedRate = c.Rate(r.Total, before), c.Rate(p.Dropped, old.Dropped)
		}
		if known && c.Interval > 0 {
			r.Throttled = min(max((p.Throttled-old.Throttled)/c.Interval, 0), 1)
		}
		rows = append(rows, r)
	}
	return rows
}

func publisherRow(c *observe.Component) peerRow {
	now, past := c.Now.Publisher, c.Past.Publisher
	if past == nil {
		past = new(core.PublisherStats)
	}
	dropped := func(s *core.PublisherStats) uint64 {
		return s.DroppedNoPeer + s.DroppedFull + s.DroppedOld + s.DroppedConflated + s.DroppedStop
	}
	return peerRow{Of: c.Kind + "/" + c.Name, Role: "publisher", QueueMessages: now.Queued, QueueBytes: now.QueuedBytes,
		Queue: fullness(now.Queued, now.QueuedBytes, endpointQueueMessages, publisherQueueBytes),
		Rate:  c.Rate(now.Sent, past.Sent), Total: now.Sent, Dropped: dropped(now), DroppedRate: c.Rate(dropped(now), dropped(past)),
		Problem: now.Problem}
}

func receiverRow(c *observe.Component) peerRow {
	now, past := c.Now.Receiver, c.Past.Receiver
	if past == nil {
		past = new(core.ReceiverStats)
	}
	dropped := func(s *core.ReceiverStats) uint64 {
		return s.DroppedStale + s.DroppedMalformed + s.DroppedOverflow + s.DroppedOld + s.DroppedConflated
	}
	return peerRow{Of: c.Kind + "/" + c.Name, Role: "receiver", QueueMessages: now.Queued, QueueBytes: now.QueuedBytes,
		Queue: fullness(now.Queued, now.QueuedBytes, endpointQueueMessages, receiverQueueBytes),
		Rate:  c.Rate(now.Delivered, past.Delivered), Total: now.Delivered, Dropped: dropped(now), DroppedRate: c.Rate(dropped(now), dropped(past)),
		Lost: now.Lost, LostRate: c.Rate(now.Lost, past.Lost), Problem: now.Problem}
}

// peerColumn is a column of what peers and top show of peers.
type peerColumn struct {
	name  string
	text  func(*peerRow) string
	value func(*peerRow) float64 // nil: by text
}

// barWidth is how many cells the bar of a queue has.
const barWidth = 8

var peerColumns = []peerColumn{
	{"of", func(r *peerRow) string { return humane.Shorten(humane.Text(r.Of), 30) }, nil},
	{"role", func(r *peerRow) string { return humane.Shorten(humane.Text(r.Role), 12) }, nil},
	{"peer", func(r *peerRow) string { return humane.Shorten(humane.Text(cmp.Or(r.User, r.Address, "itself")), 28) }, nil},
	{"queue", func(r *peerRow) string {
		return humane.Bar(r.Queue, barWidth) + " " + humane.Count(uint64(max(r.QueueMessages, 0)))
	}, func(r *peerRow) float64 { return r.Queue }},
	{"rate", func(r *peerRow) string { return humane.Rate(r.Rate) }, func(r *peerRow) float64 { return r.Rate }},
	{"dropped", func(r *peerRow) string { return humane.Count(r.Dropped + r.Lost) }, func(r *peerRow) float64 { return float64(r.Dropped + r.Lost) }},
	{"held", func(r *peerRow) string { return humane.Percent(r.Throttled) }, func(r *peerRow) float64 { return r.Throttled }},
	{"topics", func(r *peerRow) string { return humane.Count(uint64(r.Subscriptions)) }, func(r *peerRow) float64 { return float64(r.Subscriptions) }},
	{"age", func(r *peerRow) string { return humane.Age(r.Age) }, func(r *peerRow) float64 { return r.Age }},
}

// drops reports whether something has been dropped or lost at a peer of late.
func (r *peerRow) drops() bool { return r.DroppedRate > 0 || r.LostRate > 0 }

// sortPeers is sortRows for peers.
func sortPeers(rows []peerRow, by peerColumn, reverse bool) {
	slices.SortStableFunc(rows, func(a, b peerRow) int {
		order := 0
		if by.value != nil {
			order = cmp.Compare(by.value(&b), by.value(&a))
		} else {
			order = strings.Compare(by.text(&a), by.text(&b))
		}
		order = cmp.Or(order, strings.Compare(a.Of, b.Of), cmp.Compare(a.ID, b.ID))
		if reverse {
			return -order
		}
		return order
	})
}
