package admission

import "time"

// Findings is what was noticed in one batch, as data for the events of the receiver. Topics
// and origins are JSON values, which are overwritten when Report has returned.
type Findings struct {
	Now time.Time

	Malformed uint64 // messages that are not valid envelopes
	Err       error  // what was wrong with the last of them

	Dropped int // envelopes that the full queue has cost

	Lost                  uint64 // envelopes that are missing
	LostTopic, LostOrigin []byte // the last stream that misses some

	Lagging uint64  // envelopes at least half as old as they may be
	Lag     float64 // the age of the last of them, in seconds

	Slow                  uint64  // envelopes that were too old
	SlowAge               float64 // the age of the last of them, in seconds
	SlowTopic, SlowOrigin []byte  // its stream
	Suspicion             Suspicion

	Future       uint64  // envelopes dated in the future
	Ahead        float64 // by how many seconds the last of them is
	FutureOrigin []byte

	Stopped bool // nothing more is let in: the receiver has to stop
}

// reset empties it, and keeps its buffers.
func (f *Findings) reset(now time.Time) {
	*f = Findings{Now: now, LostTopic: f.LostTopic, LostOrigin: f.LostOrigin,
		SlowTopic: f.SlowTopic, SlowOrigin: f.SlowOrigin, FutureOrigin: f.FutureOrigin}
}

func (f *Findings) any() bool {
	return f.Malformed > 0 || f.Dropped > 0 || f.Lost > 0 || f.Lagging > 0 || f.Slow > 0 || f.Future > 0
}

func (f *Findings) noteLost(n uint64, topic, origin []byte) {
	f.Lost += n
	f.LostTopic = append(f.LostTopic[:0], topic...)
	f.LostOrigin = append(f.LostOrigin[:0], origin...)
}

func (f *Findings) noteSlow(age float64, topic, origin []byte, s Suspicion) {
	f.Slow++
	f.SlowAge, f.Suspicion = age, s
	f.SlowTopic = append(f.SlowTopic[:0], topic...)
	f.SlowOrigin = append(f.SlowOrigin[:0], origin...)
}

func (f *Findings) noteFuture(ahead float64, origin []byte) {
	f.Future++
	f.Ahead = ahead
	f.FutureOrigin = append(f.FutureOrigin[:0], origin...)
}
