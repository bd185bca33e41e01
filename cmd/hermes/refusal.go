package main

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hermes-zmq/hermes/core"
)

// refusals is what a component has been refused: what its events denied say of the topics that the command asked for, and the
// error of a handshake that every peer refuses. For several goroutines.
type refusals struct {
	subscribes bool // to what is in waiting; a publisher is refused what it publishes

	mu      sync.Mutex
	waiting []string      // topics that were asked for, and not refused so far
	first   error         // its exit code is exitRefused
	all     chan struct{} // closed once nothing is left that may come
}

// refusalsOf is for a component that subscribes to topics, all if there are none.
func refusalsOf(topics []string) *refusals {
	if len(topics) == 0 {
		topics = []string{""}
	}
	return &refusals{subscribes: true, waiting: slices.Clone(topics), all: make(chan struct{})}
}

// hear takes the events of the component.
func (r *refusals) hear(e core.Event) {
	if e.Kind != "denied" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.subscribes && !r.remove(e.Text) {
		return // what the command asked for besides, such as reports
	}
	if r.first == nil {
		r.first = refused("%s", e.Text)
	}
	r.closeIf(r.subscribes && len(r.waiting) == 0)
}

// remove removes the topic that a text is about, and reports whether it was asked for. The caller holds mu.
func (r *refusals) remove(text string) bool {
	_, named, _ := strings.Cut(text, " may not subscribe to ")
	before := len(r.waiting)
	r.waiting = slices.DeleteFunc(r.waiting, func(topic string) bool {
		return strings.HasPrefix(named, topic+" (") || strings.HasPrefix(named, strconv.Quote(topic)+" (")
	})
	return len(r.waiting) < before
}

// await waits for the handshake, or the end of the component, and notes whether every peer refuses it.
func (r *refusals) await(component core.Component) error {
	err := component.WaitReady(-1)
	if code := core.CodeOf(err); code == core.EACCES || code == core.EAUTH {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.first == nil {
			r.first = err
		}
		r.closeIf(true)
	}
	return err
}

// closeIf closes all. The caller holds mu.
func (r *refusals) closeIf(done bool) {
	if done && !r.total() {
		close(r.all)
	}
}

// everything is closed once nothing is left that may come, as long as the policy stays as it is.
func (r *refusals) everything() <-chan struct{} { return r.all }

// total reports whether everything is closed.
func (r *refusals) total() bool {
	select {
	case <-r.all:
		return true
	default:
		return false
	}
}

// or is the refusal, if there was one, and else err: the error of a command that has got nothing.
func (r *refusals) or(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first != nil {
		return r.first
	}
	return err
}
