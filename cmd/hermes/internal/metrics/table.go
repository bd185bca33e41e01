package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

type (
	officeStats   = core.PostOfficeStats
	backboneStats = backbone.Stats
)

// number is a metric of a post office without labels.
func number[T uint64 | int64 | int | float64](name, help string, kind prometheus.ValueType, value func(*officeStats) T) metric {
	return metric{name: "hermes_postoffice_" + name, help: help, kind: kind,
		office: func(s *officeStats) []labelled { return []labelled{{"", float64(value(s))}} }}
}

// joined is a metric of a backbone without labels.
func joined[T uint64 | int64 | int | float64](name, help string, kind prometheus.ValueType, value func(*backboneStats) T) metric {
	return metric{name: "hermes_backbone_" + name, help: help, kind: kind,
		backbone: func(s *backboneStats) []labelled { return []labelled{{"", float64(value(s))}} }}
}

// postOffice is the metrics of a post office.
var postOffice = []metric{
	{name: "hermes_build_info", help: "The version of hermes, and of the Go that it was built with. Always 1.", kind: gauge,
		labels: []string{"version", "goversion"}, constant: buildInfo()},
	number("ready", "Whether all sides of the post office are open.", gauge, func(s *officeStats) int { return truth(s.Ready) }),
	number("in_messages_total", "Messages that arrived from publishers. In = out + unwanted + dropped with the reason queue_full.", counter, func(s *officeStats) uint64 { return s.InMessages }),
	number("in_bytes_total", "Bytes that arrived from publishers.", counter, func(s *officeStats) uint64 { return s.InBytes }),
	number("out_messages_total", "Messages that were sent to at least one receiver; each counts once.", counter, func(s *officeStats) uint64 { return s.OutMessages }),
	number("out_bytes_total", "Bytes that were sent to at least one receiver; each message counts once.", counter, func(s *officeStats) uint64 { return s.OutBytes }),
	number("unwanted_messages_total", "Messages to which no receiver had subscribed.", counter, func(s *officeStats) uint64 { return s.Unwanted }),
	{name: "hermes_postoffice_dropped_messages_total", kind: counter, label: "reason", office: drops,
		help: "Messages that were dropped: queue_full (of all receivers that wanted it), old and conflated (removed from the queue of a receiver, to which they count as sent), denied (the policy does not allow it), cache (a receiver had no room for a cached one)."},
	{name: "hermes_postoffice_receiver_dropped_messages_total", kind: counter, whole: func(s *snapshot) float64 { return float64(s.receiverDropped) },
		help: "Messages that were dropped for single receivers that did not keep up, once for each of these: those that other receivers got included."},
	{name: "hermes_postoffice_peers", help: "Connected peers: publisher, subscriber, or debug (at the debug address).", kind: gauge, label: "role", office: peers},
	number("subscriptions", "Subscriptions of all receivers.", gauge, func(s *officeStats) int { return sum(s, func(p core.Peer) int { return p.Subscriptions }) }),
	number("queue_messages", "Messages that wait for receivers, summed over all queues.", gauge, func(s *officeStats) int { return sum(s, func(p core.Peer) int { return p.QueueMessages }) }),
	number("queue_bytes", "Bytes that wait for receivers, summed over all queues.", gauge, func(s *officeStats) int64 { return sum(s, func(p core.Peer) int64 { return p.QueueBytes }) }),
	number("longest_queue_messages", "Messages that wait for the receiver for which most wait.", gauge, func(s *officeStats) int { return longest(s) }),
	number("throttled_seconds_total", "Time for which publishers were held back, summed over all of them.", counter, func(s *officeStats) float64 { return s.Throttled }),
	number("handshakes_refused_total", "Connections that failed because one end refused the other.", counter, func(s *officeStats) uint64 { return s.Refused }),
	number("denied_subscriptions_total", "Subscriptions that peers had no right to.", counter, func(s *officeStats) uint64 { return s.SubscriptionsDenied }),
	number("events_dropped_total", "Events that were not read and had to make room.", counter, func(s *officeStats) uint64 { return s.EventsDropped }),
	number("cache_topics", "Topics in the cache of last values.", gauge, func(s *officeStats) uint64 { return s.CacheTopics }),
	number("cache_messages", "Messages in the cache of last values.", gauge, func(s *officeStats) uint64 { return s.CacheMessages }),
	number("cache_bytes", "Size of the cache of last values.", gauge, func(s *officeStats) int64 { return s.CacheBytes }),
	number("cache_evicted_topics_total", "Topics that were evicted from the cache.", counter, func(s *officeStats) uint64 { return s.CacheEvicted }),
	number("cache_sent_messages_total", "Cached messages that were sent, one for each receiver.", counter, func(s *officeStats) uint64 { return s.CacheSent }),
	number("history_sent_messages_total", "Messages that were sent from history, one for each receiver.", counter, func(s *officeStats) uint64 { return s.HistoryMessages }),
	number("history_incomplete_total", "How often a receiver was told that it does not get all history.", counter, func(s *officeStats) uint64 { return s.HistoryIncomplete }),
	number("history_subscribers", "Receivers that read history now.", gauge, func(s *officeStats) int64 { return s.HistorySubscribers }),
}

// ofPeers is the metrics of single receivers, which are a choice.
var ofPeers = []metric{
	peer("queue_messages", "Messages that wait for one receiver; peer is the number of its connection, and \"other\" all beyond the 100 oldest.", func(p core.Peer) float64 { return float64(p.QueueMessages) }),
	peer("queue_bytes", "Bytes that wait for one receiver.", func(p core.Peer) float64 { return float64(p.QueueBytes) }),
}

func peer(name, help string, value func(core.Peer) float64) metric {
	return metric{name: "hermes_postoffice_peer_" + name, help: help, kind: gauge, labels: []string{"peer", "address", "user"}, peers: value}
}

// ofBackbone is the metrics of a backbone.
var ofBackbone = []metric{
	joined("connected", "Whether the post office is connected to NATS.", gauge, func(s *backboneStats) int { return truth(s.Connected) }),
	joined("sites", "Other post offices on the backbone.", gauge, func(s *backboneStats) int { return s.Sites }),
	joined("reconnects_total", "Times that the connection to NATS was made again.", counter, func(s *backboneStats) uint64 { return s.Reconnects }),
	joined("given_messages_total", "Messages of local publishers that were given to the backbone. Given = out + out_waiting + unwanted + out_dropped.", counter, func(s *backboneStats) uint64 { return s.Given }),
	joined("out_messages_total", "Messages that were handed to NATS.", counter, func(s *backboneStats) uint64 { return s.OutMessages }),
	joined("out_bytes_total", "Bytes that were handed to NATS.", counter, func(s *backboneStats) uint64 { return s.OutBytes }),
	joined("out_waiting_messages", "Messages that wait for NATS.", gauge, func(s *backboneStats) int64 { return s.WaitingMessages }),
	joined("out_waiting_bytes", "Bytes that wait for NATS.", gauge, func(s *backboneStats) int64 { return s.WaitingBytes }),
	joined("unwanted_messages_total", "Messages that no other site wanted.", counter, func(s *backboneStats) uint64 { return s.Unwanted }),
	joined("arrived_messages_total", "Messages of other sites that arrived from NATS.", counter, func(s *backboneStats) uint64 { return s.Arrived }),
	joined("in_messages_total", "Messages of other sites that were given to local receivers.", counter, func(s *backboneStats) uint64 { return s.InMessages }),
	joined("in_bytes_total", "Bytes of other sites that were given to local receivers.", counter, func(s *backboneStats) uint64 { return s.InBytes }),
	joined("in_waiting_messages", "Messages of other sites that wait for the post office.", gauge, func(s *backboneStats) int64 { return s.WaitingIn }),
	{name: "hermes_backbone_out_dropped_messages_total", kind: counter, label: "reason", backbone: outDrops,
		help: "Messages of local publishers that were dropped: queue_full, disconnected, too_long, denied (by --export), stopped."},
	{name: "hermes_backbone_in_dropped_messages_total", kind: counter, label: "reason", backbone: inDrops,
		help: "Messages of other sites that were dropped: duplicate, denied (by --import), slow (this site was), redundant and redundant_direct (came another way), stopped, malformed."},
	joined("durable_given_messages_total", "Messages of durable topics, of local publishers.", counter, func(s *backboneStats) uint64 { return s.DurableGiven }),
	joined("durable_resumed_messages_total", "Messages of durable topics that were found in the backlog.", counter, func(s *backboneStats) uint64 { return s.DurableResumed }),
	joined("durable_out_messages_total", "Messages of durable topics that JetStream has acknowledged.", counter, func(s *backboneStats) uint64 { return s.DurableOut }),
	joined("durable_waiting_messages", "Messages of durable topics that wait to be acknowledged.", gauge, func(s *backboneStats) uint64 { return s.DurableWaiting }),
	joined("durable_resent_messages_total", "Messages of durable topics that were sent again.", counter, func(s *backboneStats) uint64 { return s.Resent }),
	joined("durable_in_messages_total", "Messages of durable topics, of other sites.", counter, func(s *backboneStats) uint64 { return s.DurableIn }),
	joined("durable_in_bytes_total", "Bytes of durable topics, of other sites.", counter, func(s *backboneStats) uint64 { return s.DurableInBytes }),
	{name: "hermes_backbone_durable_dropped_messages_total", kind: counter, label: "reason", backbone: durableDrops,
		help: "Messages of durable topics that were dropped: queue_full, backlog_full, error, damaged, too_long, duplicate, denied (by --import), malformed."},
}

// drops is what a post office dropped, by reason.
func drops(s *officeStats) []labelled {
	return []labelled{
		{"queue_full", float64(s.Dropped)}, {"old", float64(s.DroppedOld)}, {"conflated", float64(s.DroppedConflated)},
		{"denied", float64(s.DroppedDenied)}, {"cache", float64(s.CacheDropped)},
	}
}

func outDrops(s *backboneStats) []labelled {
	return []labelled{
		{"queue_full", float64(s.DroppedQueueFull)}, {"disconnected", float64(s.DroppedDisconnected)},
		{"too_long", float64(s.DroppedTooLong)}, {"denied", float64(s.DroppedDenied)}, {"stopped", float64(s.DroppedStopped)},
	}
}

func inDrops(s *backboneStats) []labelled {
	return []labelled{
		{"duplicate", float64(s.Duplicates)}, {"denied", float64(s.DroppedDeniedIn)}, {"slow", float64(s.DroppedSlowMessages)},
		{"redundant", float64(s.DroppedRedundant)}, {"redundant_direct", float64(s.DroppedRedundantDirect)},
		{"stopped", float64(s.DroppedStoppedIn)}, {"malformed", float64(s.DroppedMalformed)},
	}
}

func durableDrops(s *backboneStats) []labelled {
	return []labelled{
		{"queue_full", float64(s.DurableDroppedQueueFull)}, {"backlog_full", float64(s.DurableDroppedBacklogFull)},
		{"error", float64(s.DurableDroppedError)}, {"damaged", float64(s.DurableDroppedDamaged)},
		{"too_long", float64(s.DurableDroppedTooLong)}, {"duplicate", float64(s.DurableDuplicates)},
		{"denied", float64(s.DurableDroppedDeniedIn)}, {"malformed", float64(s.DurableDroppedMalformed)},
	}
}

// peers is how many peers there are of each role.
func peers(s *officeStats) []labelled {
	n := map[string]int{}
	for _, p := range s.Subscribers {
		n[p.Role]++
	}
	return []labelled{{"publisher", float64(len(s.Publishers))}, {"subscriber", float64(n["subscriber"])}, {"debug", float64(n["debug"])}}
}

// sum is a number of all subscribers together.
func sum[T int | int64](s *officeStats, value func(core.Peer) T) (total T) {
	for _, p := range s.Subscribers {
		total += value(p)
	}
	return total
}

func longest(s *officeStats) (most int) {
	for _, p := range s.Subscribers {
		most = max(most, p.QueueMessages)
	}
	return most
}

func truth(is bool) int {
	if is {
		return 1
	}
	return 0
}
