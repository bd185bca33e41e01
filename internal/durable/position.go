package durable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// position is how far a site has taken a stream. It is the last message of the subject
// CLUSTER.p.STREAM.SITE, as JSON, in a stream that keeps one message of each subject.
//
// It is not a durable consumer of JetStream, because that gives messages whose acknowledgement
// is missing again behind later ones, so that their order is lost.
type position struct {
	Created time.Time `json:"created"` // of the stream: another one by the same name begins anew
	Last    uint64    `json:"last"`    // sequence number of the last message that was taken
	Stored  time.Time `json:"stored"`  // when it was stored: another message may have that number later. Zero: not known
	Clean   bool      `json:"clean"`   // written by Close: no later message was taken
}

func positionsName(cluster string) string { return cluster + "-positions" }

func (r *receiver) positionSubject() string {
	return r.stream.cluster + ".p." + r.stream.name + "." + r.s.token
}

// ensurePositions makes the stream of positions.
func (r *receiver) ensurePositions(ctx context.Context) error {
	ctx, cancel := r.l.request(ctx)
	defer cancel()
	replicas := 1
	for _, st := range r.s.streams {
		replicas = max(replicas, st.Replicas)
	}
	name := positionsName(r.stream.cluster)
	_, err := r.l.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: name, Description: "hermes: how far each site has taken durable topics",
		Subjects: []string{r.stream.cluster + ".p.>"}, Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld,
		MaxMsgsPerSubject: 1, Replicas: replicas,
	})
	if err != nil {
		return fmt.Errorf("cannot make the stream %s: %w", name, err)
	}
	return nil
}

// load reads the position of the site. known is false where it has none.
func (r *receiver) load(ctx context.Context) (p position, known bool, err error) {
	ctx, cancel := r.l.request(ctx)
	defer cancel()
	st, err := r.l.js.Stream(ctx, positionsName(r.stream.cluster))
	if err != nil {
		return position{}, false, fmt.Errorf("cannot read the position: %w", err)
	}
	m, err := st.GetLastMsgForSubject(ctx, r.positionSubject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return position{}, false, nil
	}
	if err != nil {
		return position{}, false, fmt.Errorf("cannot read the position: %w", err)
	}
	if err := json.Unmarshal(m.Data, &p); err != nil {
		r.s.problem(lostPosition+" of "+r.stream.Prefix, fmt.Sprintf("the position at %s is not valid (%v)", r.positionSubject(), err))
		return position{}, true, nil // another program has written it
	}
	return p, true, nil
}

// lostPosition is the problem of a site that cannot know how far it was.
const lostPosition = "lost position"

// turned reports whether the stream has lost its end since the position was taken, and has got other messages since:
// it was restored from a backup, or its server has lost power.
func (r *receiver) turned(ctx context.Context, st jetstream.Stream, p position) (bool, error) {
	if p.Last == 0 || p.Stored.IsZero() {
		return false, nil
	}
	ctx, cancel := r.l.request(ctx)
	defer cancel()
	m, err := st.GetMsg(ctx, p.Last)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil // it is so old that it was removed
	}
	if err != nil {
		return false, fmt.Errorf("cannot read the stream %s: %w", r.stream.name, err)
	}
	return !m.Time.Equal(p.Stored), nil
}

// firstAfter is the number of the first message that was stored after a time, or of the next one to come.
func (r *receiver) firstAfter(ctx context.Context, st jetstream.Stream, at time.Time) (uint64, error) {
	ctx, cancel := r.l.request(ctx)
	defer cancel()
	at = at.Add(1)
	c := consumerConfig()
	c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &at
	consumer, err := st.CreateConsumer(ctx, c)
	if err != nil {
		return 0, fmt.Errorf("cannot read the stream %s: %w", r.stream.name, err)
	}
	r.l.deleteConsumer(r.s.ctx, st, consumer.CachedInfo().Name)
	return consumer.CachedInfo().Delivered.Stream + 1, nil
}

// store writes a position, and waits until JetStream has it.
func (r *receiver) store(ctx context.Context, p position) error {
	ctx, cancel := r.l.request(ctx)
	defer cancel()
	data, err := json.Marshal(p)
	if err == nil {
		_, err = r.l.js.Publish(ctx, r.positionSubject(), data)
	}
	if err != nil {
		return fmt.Errorf("cannot write the position: %w", err)
	}
	r.noteSaved(p)
	return nil
}

// saveEvery is how often positions are written: what a site has taken since, it delivers again
// after it was killed.
const saveEvery = 100 * time.Millisecond

// savePositions writes the position from time to time, until Close. Failures do not matter,
// because the next one follows.
func (r *receiver) savePositions() {
	for sleep(r.s.ctx, saveEvery) {
		p, changed := r.unsaved()
		if !changed || !r.l.nc.IsConnected() {
			continue
		}
		if err := r.store(r.s.ctx, p); err == nil {
			r.s.problem("position of "+r.stream.Prefix, "")
		} else if r.s.ctx.Err() == nil && r.l.nc.IsConnected() {
			r.s.problem("position of "+r.stream.Prefix, err.Error())
		}
	}
}

// leave writes the position for the last time. All goroutines have ended.
func (r *receiver) leave(ctx context.Context) {
	p, _ := r.unsaved()
	if !r.known || !r.l.nc.IsConnected() {
		return
	}
	p.Clean = true
	_ = r.store(ctx, p) // without it, some messages come again at the next start
}
