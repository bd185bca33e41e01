package backbone

// Stats are the counters of a backbone since it was joined. They count messages, and bytes as they
// are framed; Malformed and a part of DroppedSlow count NATS messages. What the post office gave is
//
//	given = out_messages + waiting_messages + unwanted + dropped_queue_full + dropped_disconnected +
//	        dropped_too_long + dropped_denied + dropped_stopped
//
// and what has come is
//
//	arrived = in_messages + waiting_in + duplicates + dropped_denied_in + dropped_slow_messages +
//	          dropped_redundant + dropped_stopped_in
//
// Messages of durable topics are in none of these, but
//
//	durable_given + durable_resumed = durable_out + durable_waiting + durable_dropped_queue_full +
//	        durable_dropped_backlog_full + durable_dropped_error + durable_dropped_damaged + durable_dropped_too_long
type Stats struct {
	Site      string `json:"site"`
	Cluster   string `json:"cluster"`
	Connected bool   `json:"connected"` // to NATS

	Given               uint64 `json:"given"`        // by the post office, of local publishers
	OutMessages         uint64 `json:"out_messages"` // handed to NATS
	OutBytes            uint64 `json:"out_bytes"`
	WaitingMessages     int64  `json:"waiting_messages"` // for NATS, now
	WaitingBytes        int64  `json:"waiting_bytes"`
	Unwanted            uint64 `json:"unwanted"`             // by any other site
	DroppedQueueFull    uint64 `json:"dropped_queue_full"`   // no room in the queue for NATS
	DroppedDisconnected uint64 `json:"dropped_disconnected"` // NATS was away
	DroppedTooLong      uint64 `json:"dropped_too_long"`     // longer than NATS takes (max_payload)
	DroppedDenied       uint64 `json:"dropped_denied"`       // may not leave this site (Export)
	DroppedStopped      uint64 `json:"dropped_stopped"`      // not sent when the time of a stop was up

	Arrived             uint64 `json:"arrived"` // from NATS, well-formed
	InMessages          uint64 `json:"in_messages"`
	InBytes             uint64 `json:"in_bytes"`
	WaitingIn           int64  `json:"waiting_in"` // for the post office, now
	Duplicates          uint64 `json:"duplicates"`
	DroppedDeniedIn     uint64 `json:"dropped_denied_in"`     // may not enter this site (Import)
	DroppedSlowMessages uint64 `json:"dropped_slow_messages"` // this site was too slow to take them
	DroppedRedundant    uint64 `json:"dropped_redundant"`     // came another way first
	DroppedStoppedIn    uint64 `json:"dropped_stopped_in"`    // came while the post office did not run
	DroppedMalformed    uint64 `json:"dropped_malformed"`     // NATS messages that no site of this version sends
	DroppedSlow         uint64 `json:"dropped_slow"`          // NATS messages that were dropped before they were looked at

	DroppedRedundantDirect uint64 `json:"dropped_redundant_direct"` // came from a post office beside the backbone, and over it

	DurableGiven              uint64 `json:"durable_given"`         // by the post office, of local publishers
	DurableResumed            uint64 `json:"durable_resumed"`       // found in the backlog when it was joined
	DurableAppended           uint64 `json:"durable_appended"`      // written to the backlog: they survive when this process is killed
	DurableOut                uint64 `json:"durable_out"`           // acknowledged by JetStream
	DurableWaiting            uint64 `json:"durable_waiting"`       // in memory or in the backlog, now
	DurableWaitingBytes       int64  `json:"durable_waiting_bytes"` // of memory and of whole files
	Resent                    uint64 `json:"resent"`                // sent again, because no acknowledgement came
	DurableDroppedQueueFull   uint64 `json:"durable_dropped_queue_full"`
	DurableDroppedBacklogFull uint64 `json:"durable_dropped_backlog_full"`
	DurableDroppedError       uint64 `json:"durable_dropped_error"`     // could not be written to the backlog
	DurableDroppedDamaged     uint64 `json:"durable_dropped_damaged"`   // could not be read from the backlog
	DurableDroppedTooLong     uint64 `json:"durable_dropped_too_long"`  // longer than NATS takes
	DurableIn                 uint64 `json:"durable_in"`                // from other sites
	DurableInBytes            uint64 `json:"durable_in_bytes"`          //
	DurableDuplicates         uint64 `json:"durable_duplicates"`        // came again
	DurableDroppedDeniedIn    uint64 `json:"durable_dropped_denied_in"` // may not enter this site (Import)
	DurableDroppedMalformed   uint64 `json:"durable_dropped_malformed"` // are no messages of a site

	Sites          int    `json:"sites"`           // others, now
	InterestLocal  int    `json:"interest_local"`  // prefixes that local receivers want
	InterestRemote int    `json:"interest_remote"` // prefixes that other sites want
	Reconnects     uint64 `json:"reconnects"`
}

// Stats takes the counters.
func (b *Backbone) Stats() Stats {
	out, in := b.link.queue.now(), b.inbox.now()
	s := Stats{
		Site: b.o.Site, Cluster: b.o.Cluster, Connected: b.conn.IsConnected(), Reconnects: b.reconnects.Load(),
		Given: out.given, OutMessages: out.out, OutBytes: out.outBytes, WaitingMessages: out.waiting,
		WaitingBytes: out.waitingBytes, Unwanted: out.unwanted, DroppedQueueFull: out.full,
		DroppedDisconnected: out.disconnected, DroppedTooLong: out.long, DroppedDenied: out.denied, DroppedStopped: out.stopped,
		Arrived: in.arrived, InMessages: in.in, InBytes: in.inBytes, WaitingIn: in.waiting, Duplicates: in.duplicates,
		DroppedDeniedIn: in.denied, DroppedSlowMessages: in.slow, DroppedRedundant: in.redundant,
		DroppedStoppedIn: in.stopped, DroppedMalformed: in.malformed, DroppedSlow: b.subscriber.lost(),
		DroppedRedundantDirect: b.link.screen.redundant(),
	}
	b.link.durable.count(&s)
	known := b.sites.Stats()
	s.Sites, s.InterestLocal, s.InterestRemote = known.Sites, known.Local, known.Remote
	s.DroppedMalformed += known.Malformed
	return s
}
