package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// Limits of one subscription.
const (
	maxTopics       = 32
	maxTopicLength  = 4096
	maxQueued       = 1000    // envelopes that wait for one client
	maxQueuedBytes  = 4 << 20 //
	connectTimeout  = 5 * time.Second
	takeAtOnce      = 100
	lossReportEvery = time.Second
)

// wish is what a client asks /v1/subscribe for.
type wish struct {
	topics []string
	rate   int // envelopes a second, at most; 0: as many as come
}

func wishOf(r *http.Request) (w wish, err error) {
	query := r.URL.Query()
	w.topics = query["topic"]
	switch {
	case len(w.topics) == 0:
		return w, errors.New("which topics? Add ?topic=PREFIX, once or several times; ?topic= is every topic")
	case len(w.topics) > maxTopics:
		return w, fmt.Errorf("at most %d topics can be subscribed to at once", maxTopics)
	}
	for _, topic := range w.topics {
		if len(topic) > maxTopicLength {
			return w, fmt.Errorf("a topic has at most %d bytes", maxTopicLength)
		}
	}
	if text := query.Get("rate"); text != "" {
		if w.rate, err = strconv.Atoi(text); err != nil || w.rate <= 0 {
			return w, errors.New("rate is a number of envelopes a second, above 0")
		}
	}
	return w, nil
}

// subscribe writes envelopes as they come, as server-sent events: a message is an envelope, the event
// lost says how many the client did not get because it did not keep up, skipped how many because it
// asked for a rate, and problem why some or all do not come.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request) {
	wanted, err := wishOf(r)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	out, end := s.open(w, "subscribe")
	if out == nil {
		return
	}
	defer end()
	receiver, err := s.receiver(wanted)
	if err != nil {
		fail(w, codeOf(err), err.Error())
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	defer context.AfterFunc(ctx, func() { _ = receiver.Stop(0) })()
	defer func() { _ = receiver.Close() }()
	if err := receiver.WaitReady(connectTimeout); err != nil {
		fail(w, codeOf(err), err.Error())
		return
	}
	if r.Method == http.MethodHead || out.begin() != nil {
		return
	}
	t := tail{server: s, receiver: receiver, out: out, rate: wanted.rate, written: time.Now()}
	for t.step() == nil {
	}
}

// codeOf is the status code for an error of a component.
func codeOf(err error) int {
	switch core.CodeOf(err) {
	case core.EACCES, core.EAUTH:
		return http.StatusForbidden
	case core.EINVAL, core.EUTF8, core.EJSON:
		return http.StatusBadRequest
	case core.ETOOBIG:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusServiceUnavailable
}

// receiver begins to receive what a client wants.
func (s *Server) receiver(wanted wish) (*core.Receiver, error) {
	at, err := s.ownAddress("out")
	if err != nil {
		return nil, err
	}
	receiver, err := core.NewReceiver(at, clientName)
	if err != nil {
		return nil, err
	}
	options := [][2]string{
		{"queue.full", "drop_old"}, {"queue.messages", strconv.Itoa(maxQueued)}, {"queue.bytes", strconv.Itoa(maxQueuedBytes)}, {"on_slow", "ignore"},
	}
	for _, o := range options {
		if err == nil {
			err = receiver.Set(o[0], o[1])
		}
	}
	if err == nil {
		err = s.identify(receiver, at)
	}
	for _, topic := range wanted.topics {
		if err == nil {
			err = receiver.Subscribe(topic)
		}
	}
	if err == nil {
		err = receiver.Start()
	}
	if err != nil {
		_ = receiver.Close()
		return nil, err
	}
	return receiver, nil
}

// tail is one stream of envelopes. For one goroutine.
type tail struct {
	server   *Server
	receiver *core.Receiver
	out      *stream
	text     []byte
	written  time.Time // when something was last written

	lost     uint64    // that the client has been told of
	reported time.Time // when it was

	rate    int
	second  time.Time // that the rate is counted in
	sent    int       // in that second
	skipped int       // since the client was told
}

// step writes what has come, or that nothing has.
func (t *tail) step() error {
	d, err := t.receiver.Take(takeAtOnce, lossReportEvery)
	switch code := core.CodeOf(err); {
	case err == nil:
		t.write(d)
		d.Release()
	case code != core.ETIMEOUT:
		return err
	case time.Since(t.written) > heartbeat:
		t.out.comment("nothing has come for a while")
	}
	t.report()
	if t.out.buf.Len() == 0 {
		return nil
	}
	t.written = time.Now()
	return t.out.flush()
}

// write adds envelopes, as many as the rate allows.
func (t *tail) write(d *core.Delivery) {
	now := time.Now()
	if now.Sub(t.second) >= time.Second {
		t.second, t.sent = now, 0
	}
	for i := range d.Len() {
		if t.rate > 0 && t.sent >= t.rate {
			t.skipped += d.Len() - i
			return
		}
		t.sent++
		v := d.At(i)
		t.text = appendEnvelope(t.text[:0], &v)
		t.out.event("", t.text)
	}
}

// report adds what the client has to know besides envelopes, once a second.
func (t *tail) report() {
	now := time.Now()
	if now.Sub(t.reported) < lossReportEvery {
		return
	}
	t.reported = now
	if lost := t.receiver.Stats().DroppedOld; lost > t.lost {
		t.server.counts.lost.WithLabelValues("subscribe").Add(float64(lost - t.lost))
		t.out.event("lost", fmt.Appendf(nil, `{"count":%d}`, lost-t.lost))
		t.lost = lost
	}
	if t.skipped > 0 {
		t.out.event("skipped", fmt.Appendf(nil, `{"count":%d}`, t.skipped))
		t.skipped = 0
	}
	for {
		e, err := t.receiver.NextEvent(0)
		if err != nil {
			return
		}
		if e.Level != "info" {
			t.out.event("problem", e.JSON())
		}
	}
}

// appendEnvelope appends an envelope as one JSON object. The data are unchanged, so that NaN, which Python
// writes, is preserved.
func appendEnvelope(dst []byte, v *core.View) []byte {
	dst = append(dst, `{"topic":`...)
	dst = appendString(dst, v.Topic)
	dst = append(dst, `,"origin":`...)
	dst = appendString(dst, v.Origin)
	dst = append(dst, `,"data":`...)
	dst = append(dst, v.Data...)
	dst = append(dst, `,"ts":`...)
	dst = strconv.AppendFloat(dst, v.TS, 'f', 6, 64)
	if v.Lost > 0 {
		dst = append(dst, `,"lost":`...)
		dst = strconv.AppendUint(dst, uint64(v.Lost), 10)
	}
	if v.TraceParent != "" {
		dst = appendString(append(dst, `,"traceparent":`...), []byte(v.TraceParent))
	}
	return append(dst, '}')
}

func appendString(dst, text []byte) []byte {
	quoted, err := json.Marshal(string(text))
	if err != nil {
		panic(err) // strings always encode
	}
	return append(dst, quoted...)
}
