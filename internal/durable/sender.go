package durable

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hermes-zmq/hermes/internal/backlog"
	"github.com/hermes-zmq/hermes/internal/batch"
)

// sender publishes the backlog. One goroutine (run) has all of it, except that NATS calls
// acknowledged from another one.
//
// nats.go can publish asynchronously itself, but it sends a message that has failed again on its
// own, behind later ones, and takes longer for each. So acknowledgements come to one subscription,
// with epoch and index in their subjects.
type sender struct {
	s      *Site
	l      *line
	reader *backlog.Reader
	inbox  string // acknowledgements come to inbox.EPOCH.INDEX, both to base 36
	sub    *nats.Subscription
	msg    nats.Msg
	id     []byte
	reply  []byte
	at     []byte // subject
	stuck  stuck
	proven []bool // streams that have acknowledged a message of this epoch
	left   int    // how many have not
}

// stuck tells that no acknowledgement comes. What is under way is sent again after ackTimeout.
type stuck struct {
	first uint64
	since time.Time
}

var errConnectionLost = errors.New("the connection was lost")

// ackTimeout is how long no acknowledgement may come while some are due.
const ackTimeout = 10 * time.Second

func newSender(s *Site, l *line) *sender {
	x := &sender{s: s, l: l, reader: s.queue.NewReader(), inbox: l.nc.NewInbox()}
	x.msg.Header = nats.Header{headerID: {""}, headerSite: {s.token}}
	return x
}

func (x *sender) close() {
	if x.sub != nil {
		_ = x.sub.Unsubscribe()
	}
}

// run sends until Close.
func (x *sender) run() {
	var p pause
	for x.l.await(x.s.ctx) {
		err := x.prepare()
		if err == nil {
			connection := x.l.connection()
			x.s.queue.Ack(x.s.window.done())
			epoch, moved := x.s.window.begin()
			if moved {
				p.reset()
			}
			x.reader.Rewind()
			x.s.problem("sender", "")
			err = x.pump(epoch, connection)
		}
		if x.s.ctx.Err() != nil {
			return
		}
		if x.l.nc.IsConnected() { // otherwise it is NATS as a whole that is away
			x.s.problem("sender", textOf(err))
		}
		if !p.wait(x.s.ctx) {
			return
		}
	}
}

// prepare makes sure that there are streams, and that acknowledgements come in.
func (x *sender) prepare() (err error) {
	for i := range x.s.streams {
		st := &x.s.streams[i]
		if _, err := st.ensure(x.s.ctx, x.l); err != nil {
			return err
		}
	}
	if x.sub == nil {
		x.sub, err = x.l.nc.Subscribe(x.inbox+".*.*", x.acknowledged)
	}
	return err
}

// pump sends one record after another until sending has to begin anew, and tells why.
func (x *sender) pump(epoch, connection uint64) error {
	w := &x.s.window
	ticker := time.NewTicker(looked)
	defer ticker.Stop()
	x.stuck = stuck{}
	x.left, x.proven = len(x.s.streams), make([]bool, len(x.s.streams))
	due := x.reader.Due()
	for {
		rec, ok, err := x.reader.Next()
		if err != nil {
			return fmt.Errorf("cannot read the backlog: %w", err)
		}
		if end := x.reader.Due(); !ok && end > due || ok && rec.Index > due { // damaged ones between
			if ok {
				end = rec.Index
			}
			if err := x.wait(ticker, connection, func() bool { return w.done() >= due }); err != nil {
				return err
			}
			w.skip(end)
		}
		due = x.reader.Due()
		if !ok {
			if err := x.wait(ticker, connection, func() bool { _, next := x.s.queue.Indexes(); return next > due }); err != nil {
				return err
			}
			continue
		}
		if err := x.send(&rec, ticker, epoch, connection); err != nil {
			return err
		}
	}
}

// send sends one record, as soon as the window has room.
func (x *sender) send(rec *backlog.Record, ticker *time.Ticker, epoch, connection uint64) error {
	w := &x.s.window
	ok, known, again, broken := w.room(rec.Index)
	if !ok {
		err := x.wait(ticker, connection, func() bool {
			ok, known, again, broken = w.room(rec.Index)
			return ok || broken != ""
		})
		if err != nil {
			return err
		}
	}
	if broken != "" {
		return errors.New(broken)
	}
	if known {
		return nil
	}
	if x.l.gone(connection) { // what it has swallowed must not come behind this message
		return errConnectionLost
	}
	x.prepareMessage(rec, epoch)
	w.note(rec.Index)
	err := x.l.nc.PublishMsg(&x.msg)
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		x.s.tooLong.Add(1)
		w.gone(rec.Index)
		return nil
	case err != nil:
		return err
	}
	if again {
		x.s.resent.Add(1)
	}
	return x.prove(rec, ticker, connection)
}

// prove waits until the first message of a stream in this epoch is acknowledged. Until servers know where the
// stream is, they refuse messages; they may learn it between two of a window, and store the second one alone.
func (x *sender) prove(rec *backlog.Record, ticker *time.Ticker, connection uint64) error {
	if x.left == 0 {
		return nil
	}
	topic := batch.Topic(rec.Body)
	for i := range x.s.streams {
		if x.proven[i] || !bytes.HasPrefix(topic, x.s.streams[i].raw) {
			continue
		}
		x.proven[i] = true
		x.left--
		return x.wait(ticker, connection, func() bool { return x.s.window.done() > rec.Index })
	}
	return nil
}

func (x *sender) prepareMessage(rec *backlog.Record, epoch uint64) {
	x.id = appendID(x.id[:0], rec)
	x.at = x.s.cfg.Space.AppendDurable(x.at[:0], batch.Topic(rec.Body))
	x.reply = append(append(x.reply[:0], x.inbox...), '.')
	x.reply = append(strconv.AppendUint(x.reply, epoch, 36), '.')
	x.reply = strconv.AppendUint(x.reply, rec.Index, 36)
	x.msg.Subject, x.msg.Reply, x.msg.Data = string(x.at), string(x.reply), rec.Body
	x.msg.Header[headerID][0] = string(x.id)
}

// wait waits until ready reports true. The error is why sending has to begin anew.
func (x *sender) wait(ticker *time.Ticker, connection uint64, ready func() bool) error {
	w := &x.s.window
	for !ready() {
		x.s.queue.Ack(w.done())
		select {
		case <-x.s.ctx.Done():
			return x.s.ctx.Err()
		case <-w.some:
			if _, _, _, broken := w.room(0); broken != "" {
				return errors.New(broken)
			}
		case <-ticker.C:
			if x.l.gone(connection) {
				return errConnectionLost
			}
			if x.isStuck() {
				return fmt.Errorf("no acknowledgement has come for %v", ackTimeout)
			}
		}
	}
	return nil
}

// isStuck reports whether acknowledgements are due and none has come for ackTimeout.
func (x *sender) isStuck() bool {
	first, due := x.s.window.underWay()
	if !due || first != x.stuck.first || x.stuck.since.IsZero() {
		x.stuck = stuck{first, time.Now()}
		return false
	}
	return time.Since(x.stuck.since) > ackTimeout
}

// errorCode of JetStream for a message that is longer than the stream takes.
const tooLongForStream = 10054

// acknowledged takes one acknowledgement of JetStream.
func (x *sender) acknowledged(m *nats.Msg) {
	epochText, indexText, _ := strings.Cut(strings.TrimPrefix(m.Subject, x.inbox+"."), ".")
	epoch, err1 := strconv.ParseUint(epochText, 36, 64)
	index, err2 := strconv.ParseUint(indexText, 36, 64)
	if err1 != nil || err2 != nil {
		return
	}
	w := &x.s.window
	switch {
	case len(m.Data) == 0:
		w.fail(epoch, "no stream takes the messages ("+m.Header.Get("Status")+")")
	case bytes.HasPrefix(m.Data, []byte(`{"stream":`)) && !bytes.Contains(m.Data, []byte(`"error"`)):
		w.ack(index)
	default:
		var answer struct {
			Stream string              `json:"stream"`
			Error  *jetstream.APIError `json:"error"`
		}
		err := json.Unmarshal(m.Data, &answer)
		switch {
		case err != nil:
			w.fail(epoch, fmt.Sprintf("an acknowledgement is not JSON: %.100q", m.Data))
		case answer.Error == nil && answer.Stream != "":
			w.ack(index)
		case answer.Error == nil:
			w.fail(epoch, "an acknowledgement names no stream")
		case answer.Error.ErrorCode == tooLongForStream:
			x.s.tooLong.Add(1)
			w.gone(index)
			w.wake()
		default:
			w.fail(epoch, "JetStream refuses messages: "+answer.Error.Error())
		}
	}
}
