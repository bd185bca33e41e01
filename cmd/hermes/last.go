package main

import (
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// lastQuiet is how long the cache must send nothing, without --idle, until sub --last ends.
const lastQuiet = 500 * time.Millisecond

// lastSeen keeps the newest envelope of each topic.
type lastSeen struct {
	order []string // topics as they came
	views map[string]core.View
}

func newLastSeen() *lastSeen { return &lastSeen{views: map[string]core.View{}} }

func (l *lastSeen) put(v core.View) {
	topic := string(v.Topic)
	if _, is := l.views[topic]; !is {
		l.order = append(l.order, topic)
	}
	v.Topic, v.Origin, v.Data = []byte(topic), append([]byte(nil), v.Origin...), append([]byte(nil), v.Data...)
	l.views[topic] = v
}

// printLast prints the newest envelope of each topic once the cache has sent all that it has: a
// post office sends that before anything else of the topic, and nothing says where it ends.
func (j *subJob) printLast() error {
	quiet := lastQuiet
	if j.o.idle > 0 {
		quiet = j.o.idle
	}
	if err := j.receiver.WaitReady(j.waitForLast()); err != nil {
		if core.CodeOf(err) == core.ETIMEOUT {
			return j.timedOut()
		}
		return err
	}
	cached := uint64(0)
	for end := time.Now().Add(quiet); ; {
		delivery, err := j.receiver.Take(256, max(0, time.Until(end)))
		if err != nil && core.CodeOf(err) != core.ETIMEOUT {
			return err
		}
		if err == nil {
			for i := range delivery.Len() {
				if v := delivery.At(i); j.wanted(&v) {
					j.lastSeen.put(v)
				}
			}
			delivery.Release()
		}
		if n := j.receiver.Stats().Cached; n > cached {
			cached, end = n, time.Now().Add(quiet)
		} else if time.Until(end) <= 0 {
			break
		}
	}
	if cached == 0 {
		return nothingCame("the post office has nothing in its cache for these topics; its option cache.depth says how much of each topic it keeps")
	}
	for _, topic := range j.lastSeen.order {
		if j.o.count > 0 && j.printed == j.o.count {
			break
		}
		v := j.lastSeen.views[topic]
		j.printed++
		if err := j.layout(j.out, &v); err != nil {
			return err
		}
	}
	return j.out.Flush()
}

// waitForLast is how long to wait for a connection.
func (j *subJob) waitForLast() time.Duration {
	if j.o.target.timeout > 0 {
		return j.o.target.timeout
	}
	return -1
}
