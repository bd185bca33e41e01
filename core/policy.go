package core

import "github.com/hermes-zmq/hermes/internal/batch"

// What a full queue does with one envelope more: the option "queue.full".
const (
	fullBlock          = "block"            // waits for room, at most "queue.block"
	fullDropNew        = "drop_new"         // drops the new one
	fullDropOld        = "drop_old"         // drops the oldest
	fullLatestPerTopic = "latest_per_topic" // keeps the newest of each topic
	fullError          = "error"            // refuses it at once, or stops the receiver
)

// newFull is the option "queue.full", the default first.
func newFull(byDefault string) *choiceVar {
	x := newChoice(fullBlock, fullDropNew, fullDropOld, fullLatestPerTopic, fullError)
	if err := x.set(byDefault); err != nil {
		panic(err)
	}
	return x
}

// bound is how much a queue may hold.
type bound struct{ messages, bytes int64 }

// share is how much of a bound one batch may take of a queue that makes room by
// dropping what is old: what is being sent cannot be dropped any more, and the newest
// must find a place beside it.
func share(most int64) int64 { return max(most/4, 1) }

// slack is how much more memory than its bound in bytes a queue may take: buffers have
// the size that suits their reuse, and are not always full.
const slack = 8 * batch.TargetBytes
