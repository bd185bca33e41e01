package durable

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hermes-zmq/hermes/internal/backlog"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/natssubject"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// ArchiveWriter adds messages to streams as a site does. After an error nothing more is added: what is
// acknowledged by then is a beginning of what was put, but for some of the last writerWindow. Putting all of it
// again is right, because JetStream knows copies.
type ArchiveWriter struct {
	a       *Archive
	ctx     context.Context
	token   string
	streams []*stream
	proven  map[string]bool // streams that have acknowledged a message; the first goes alone, see sender.prove
	due     []jetstream.PubAckFuture
	counts  WriteCounts
}

// WriteCounts are what became of the messages.
type WriteCounts struct {
	Stored     uint64
	Duplicates uint64 // that the stream had
	Unstored   uint64 // whose topics no stream takes
}

// writerWindow is how many messages may be under way; nats.go lets 4,000.
const writerWindow = 1024

// Writer adds messages as the site of this name, until ctx is done.
func (a *Archive) Writer(ctx context.Context, site string) (*ArchiveWriter, error) {
	streams, err := a.streams(ctx, [][]byte{[]byte(`"`)})
	if err != nil {
		return nil, err
	}
	return &ArchiveWriter{a: a, ctx: ctx, token: token(site), streams: streams, proven: map[string]bool{}}, nil
}

// Put adds a message in ZMTP framing, and keeps it. salt tells apart messages without numbers that are equal.
func (w *ArchiveWriter) Put(message []byte, salt uint64) error {
	topic := batch.Topic(message)
	if !wellFormed(message) || len(topic) == 0 || topic[0] != '"' || systemtopic.Is(topic) {
		w.counts.Unstored++
		return nil
	}
	subject := string(w.a.space.AppendDurable(nil, topic))
	for _, st := range w.streams {
		if natssubject.Covers(st.filter, subject) {
			return w.publish(st, &nats.Msg{Subject: subject, Data: message, Header: nats.Header{
				headerID: {string(appendID(nil, recordOf(message, salt)))}, headerSite: {w.token},
			}})
		}
	}
	w.counts.Unstored++
	return nil
}

// recordOf is a message with a place in a backlog that is always the same.
func recordOf(message []byte, salt uint64) *backlog.Record {
	rec := &backlog.Record{Body: message}
	if _, numbered := sequenceOf(message); !numbered {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte(nil), message...), salt))
		rec.Run, rec.Index = binary.BigEndian.Uint64(sum[:]), uint64(binary.BigEndian.Uint32(sum[8:]))
	}
	return rec
}

func (w *ArchiveWriter) publish(st *stream, m *nats.Msg) error {
	if len(w.due) >= writerWindow {
		if err := w.await(1); err != nil {
			return err
		}
	}
	future, err := w.a.l.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
	if err != nil {
		return fmt.Errorf("cannot store a message in the stream %s: %w", st.name, err)
	}
	w.due = append(w.due, future)
	if !w.proven[st.name] {
		w.proven[st.name] = true
		return w.await(len(w.due))
	}
	return nil
}

// await waits for the first n acknowledgements that are due.
func (w *ArchiveWriter) await(n int) error {
	for _, future := range w.due[:n] {
		select {
		case <-w.ctx.Done():
			return w.ctx.Err()
		case err := <-future.Err():
			return fmt.Errorf("JetStream has not stored a message of %s: %w", future.Msg().Subject, err)
		case ack := <-future.Ok():
			if ack.Duplicate {
				w.counts.Duplicates++
			} else {
				w.counts.Stored++
			}
		}
		w.due = w.due[1:]
	}
	return nil
}

// Flush waits for all acknowledgements. The counts are right in any case.
func (w *ArchiveWriter) Flush() (WriteCounts, error) {
	err := w.await(len(w.due))
	return w.counts, err
}
