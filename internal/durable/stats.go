package durable

// Stats are the counters of a Site since it was opened, and what waits.
//
//	Taken + Resumed = Out + Waiting + DroppedQueueFull + DroppedFull + DroppedError + DroppedDamaged + DroppedTooLong
//
// holds while no message is on its way from one to the other.
type Stats struct {
	Taken        uint64 // messages that Send was given
	Resumed      uint64 // messages that waited in the backlog when it was opened
	Out          uint64 // of them, and of former runs: acknowledged by JetStream
	Waiting      uint64 // in memory or in the backlog
	WaitingBytes int64
	Appended     uint64 // written to the backlog
	Resent       uint64 // sent again, because an acknowledgement did not come
	In           uint64 // delivered to the post office
	InBytes      uint64
	Duplicates   uint64 // came again, and were not delivered

	DroppedQueueFull uint64 // had no room in memory
	DroppedFull      uint64 // had no room in the backlog
	DroppedError     uint64 // could not be written to the backlog
	DroppedDamaged   uint64 // could not be read from it
	DroppedTooLong   uint64 // are longer than NATS takes
	DroppedMalformed uint64 // came from JetStream, and are no messages of a site
	DroppedDenied    uint64 // may not enter this site
	Torn             uint64 // incomplete ends of files, see backlog.Stats
	SyncErrors       uint64 // see backlog.Stats
}

// TooLong is Stats.DroppedTooLong alone.
func (s *Site) TooLong() uint64 { return s.tooLong.Load() }

// Stats gives the counters.
func (s *Site) Stats() Stats {
	waiting, waitingBytes, taken, dropped := s.staging.stats()
	b := s.queue.Stats()
	return Stats{
		Taken: taken, Resumed: s.resumed, Out: s.window.out(), Waiting: uint64(waiting) + b.Waiting, WaitingBytes: waitingBytes + b.WaitingBytes,
		Appended: b.Appended, Resent: s.resent.Load(), In: s.in.Load(), InBytes: s.inBytes.Load(), Duplicates: s.duplicates.Load(),
		DroppedQueueFull: dropped, DroppedFull: b.DroppedFull, DroppedError: b.DroppedError, DroppedDamaged: b.Damaged,
		DroppedTooLong: s.tooLong.Load(), DroppedMalformed: s.malformed.Load(), DroppedDenied: s.denied.Load(),
		Torn: b.Torn, SyncErrors: b.SyncErrors,
	}
}
