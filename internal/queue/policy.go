// Package queue has what the queue for sending, the queue of received envelopes and the
// queues of a carrier's peers share: the policies for a full queue, its bounds, and conflation.
//
// A bound counts envelopes and bytes, and limits the memory of the buffers as well,
// because a buffer is not always full. One envelope always finds room in an empty queue,
// however big it is. Nothing here has a lock; the owner's guards it.
package queue

import (
	"fmt"
	"slices"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// Policy is what a full queue does with one envelope more: the option "queue.full".
type Policy uint8

const (
	Auto           Policy = iota // what suits the component: where it has one queue, as Block
	Block                        // wait for room, at most "queue.block"
	DropNew                      // drop the new one
	DropOld                      // drop the oldest
	LatestPerTopic               // keep the newest of each topic
	Error                        // refuse it at once, or stop the receiver
)

// policies are the names of the policies, in their order.
var policies = []string{"auto", "block", "drop_new", "drop_old", "latest_per_topic", "error"}

// Policies gives the names of all policies, as the option "queue.full" takes them.
func Policies() []string { return slices.Clone(policies) }

// String is the name of the policy.
func (p Policy) String() string { return policies[p] }

// ParsePolicy finds a policy by its name.
func ParsePolicy(name string) (Policy, error) {
	if i := slices.Index(policies, name); i >= 0 {
		return Policy(i), nil
	}
	return 0, fmt.Errorf("there is no policy %q for a full queue", name)
}

// Waits reports whether one envelope more waits for room in a full queue.
func (p Policy) Waits() bool { return p == Auto || p == Block }

// Evicts reports whether a full queue makes room by dropping what is old.
func (p Policy) Evicts() bool { return p == DropOld || p == LatestPerTopic }

// Bound is how much a queue may hold.
type Bound struct{ Messages, Bytes int64 }

// Share is how much of a limit one batch may take of a queue that makes room by dropping
// what is old: what is being sent cannot be dropped any more, and the newest must find a
// place beside it.
func Share[T int | int64](limit T) T { return max(limit/4, 1) }

// Slack is how much more memory than its bound in bytes a queue may take: buffers have
// the size that suits their reuse, and are not always full.
const Slack = 8 * batch.TargetBytes
