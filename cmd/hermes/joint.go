package main

import (
	"time"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/logs"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// joint is where a post office has joined others. nil: it has not.
type joint struct {
	backbone *backbone.Backbone
	reported chan struct{} // closed when the last event is logged
}

// answerWait is how long a post office waits for NATS before it says that there is none, and begins.
const answerWait = time.Second

// join joins a post office, for its next run, and logs the events of the backbone from then on.
func join(log *logs.Logger, office *core.PostOffice, o *backbone.Options) (*joint, error) {
	if o == nil {
		return nil, nil
	}
	b, err := backbone.Join(office, *o)
	if err != nil {
		return nil, err
	}
	if err := b.WaitReady(answerWait); err != nil { // no event tells what is missing from the start
		log.Warn(err.Error()+"; it goes on trying", "kind", "unreachable")
	}
	j := &joint{backbone: b, reported: make(chan struct{})}
	go func() {
		defer close(j.reported)
		logEvents(log, "backbone", b)
	}()
	return j, nil
}

// endpoint is where the NATS server inside the post office listens, or "".
func (j *joint) endpoint() string {
	if j == nil {
		return ""
	}
	_, cluster := j.backbone.Endpoints()
	return cluster
}

// stats are the counters of the backbone, or nil.
func (j *joint) stats() *backbone.Stats {
	if j == nil {
		return nil
	}
	s := j.backbone.Stats()
	return &s
}

// leave ends the membership, and waits until its last event is logged.
func (j *joint) leave() {
	if j == nil {
		return
	}
	_ = j.backbone.Close()
	<-j.reported
}
