package durable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/natssubject"
)

// Archive reads the streams of a cluster and adds to them (Writer), without being a site: it has no
// position and no backlog, and makes no stream. One goroutine uses it.
type Archive struct {
	l       *line
	space   natssubject.Space
	cluster string
}

// OpenArchive connects to NATS servers. Where none answers at first, it fails; later it connects again.
func OpenArchive(servers []string, cluster, name string, login Login) (*Archive, error) {
	space, err := natssubject.New(cluster)
	if err != nil {
		return nil, err
	}
	options, err := login.Options()
	if err != nil {
		return nil, err
	}
	const reconnectWait = 250 * time.Millisecond
	nc, err := nats.Connect(strings.Join(servers, ","), append(options, nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.ReconnectBufSize(-1), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))...)
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return nil, errs.Errorf(errs.EAUTH, "NATS refuses this end: %w", err)
	case err != nil:
		return nil, errs.Errorf(errs.EIO, "cannot connect to NATS: %w", err)
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncTimeout(ackTimeout))
	if err != nil {
		nc.Close()
		return nil, errs.Errorf(errs.EINTERNAL, "cannot use JetStream: %w", err)
	}
	return &Archive{l: &line{nc: nc, js: js}, space: space, cluster: cluster}, nil
}

// Close ends the connection.
func (a *Archive) Close() { a.l.nc.Close() }

// streams finds the streams that may have topics that begin with one of the prefixes.
func (a *Archive) streams(ctx context.Context, prefixes [][]byte) (all []*stream, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list := a.l.js.ListStreams(ctx, jetstream.WithStreamListSubject(a.space.Durable+">"))
	for info := range list.Info() {
		for _, subject := range info.Config.Subjects {
			meets := func(p []byte) bool {
				f := a.space.DurableFilter(p)
				return natssubject.Covers(f, subject) || natssubject.Covers(subject, f)
			}
			if strings.HasPrefix(subject, a.space.Durable) && anyOf(prefixes, meets) {
				all = append(all, &stream{name: info.Config.Name, filter: subject})
			}
		}
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("cannot list the streams of NATS: %w%s", err, advice(err))
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("NATS has no stream of the cluster %q with such topics: a site makes it that names them durable (hermes postoffice --durable)", a.cluster)
	}
	return all, nil
}

func anyOf(all [][]byte, right func([]byte) bool) bool {
	for _, one := range all {
		if right(one) {
			return true
		}
	}
	return false
}

// Reading says what to read.
type Reading struct {
	Topics []string     // their beginnings; none: all
	Since  time.Time    // of storage; zero: everything
	Follow bool         // go on with what comes, until ctx is done; else end where the streams ended at the beginning
	Opened func() error // called once there are streams to read; may be nil
}

// Stored is a message of a stream, in ZMTP framing.
type Stored struct {
	Message []byte
	At      time.Time // when it was stored
}

// ReadCounts are what Read has passed over.
type ReadCounts struct {
	Missing   uint64 // messages that JetStream numbers in the range read and has no more, whatever their topics
	Malformed uint64 // that no site would take
}

// Read gives what the streams have, by the time of storage, until give returns an error, which it returns too.
// Each stream is read whole, so that what is missing from it is seen.
func (a *Archive) Read(ctx context.Context, r Reading, give func(Stored) error) (n ReadCounts, err error) {
	prefixes, err := rawPrefixes(r.Topics)
	if err != nil {
		return n, err
	}
	streams, err := a.streams(ctx, prefixes)
	if err != nil {
		return n, err
	}
	if r.Follow && len(streams) > 1 {
		return n, errs.Errorf(errs.EINVAL, "the topics are in %d streams, and only one can be followed: name topics of one prefix of --durable", len(streams))
	}
	if r.Opened != nil {
		if err := r.Opened(); err != nil {
			return n, err
		}
	}
	parts := make([]*archivePart, len(streams))
	for i, st := range streams {
		p := &archivePart{historyPart: historyPart{l: a.l, stream: st, filters: []string{st.filter}, since: r.Since}, follow: r.Follow, counts: &n}
		defer p.end()
		if err := p.setGoal(ctx); err != nil {
			return n, err
		}
		if err := p.advance(ctx); err != nil {
			return n, err
		}
		parts[i] = p
	}
	for p := oldest(parts); p != nil; p = oldest(parts) {
		msg := p.head.Data()
		wanted := anyOf(prefixes, func(prefix []byte) bool { return bytes.HasPrefix(batch.Topic(msg), prefix) })
		switch {
		case !wellFormed(msg):
			n.Malformed++
		case wanted:
			if err := give(Stored{msg, p.stored}); err != nil {
				return n, err
			}
		}
		if err := p.advance(ctx); err != nil {
			return n, err
		}
	}
	return n, nil
}

func rawPrefixes(topics []string) (all [][]byte, err error) {
	for _, t := range topics {
		raw, err := rawPrefix(t)
		if err != nil {
			return nil, errs.Errorf(errs.EUTF8, "topics %q: they are not UTF-8", t)
		}
		all = append(all, raw)
	}
	if len(all) == 0 {
		all = [][]byte{[]byte(`"`)}
	}
	return all, nil
}

// archivePart is what Read reads of one stream: head is what comes next of it, nil where nothing does.
type archivePart struct {
	historyPart
	follow bool
	counts *ReadCounts
	head   jetstream.Msg
	stored time.Time
}

func oldest(parts []*archivePart) (first *archivePart) {
	for _, p := range parts {
		if p.head != nil && (first == nil || p.stored.Before(first.stored)) {
			first = p
		}
	}
	return first
}

// archiveWait is how long to wait for a message before the stream is asked whether there is one.
const archiveWait = 50 * time.Millisecond

// advance puts the next message into head. What fails is tried again for a while, and on and on while
// it is followed.
func (p *archivePart) advance(ctx context.Context) error {
	p.head = nil
	var wait pause
	began, tried := time.Now(), time.Now()
	for {
		over, err := p.try(ctx, &tried)
		switch {
		case ctx.Err() != nil:
			return nil // interrupted
		case p.head != nil || err == nil && over && !p.follow:
			return nil
		case err == nil && !over && time.Since(began) > patience:
			err = fmt.Errorf("cannot read the stream %s: its consumers give nothing", p.stream.name)
		case err == nil:
			if over {
				began = time.Now()
			}
			continue
		}
		p.stop()
		if !p.follow && time.Since(began) > patience {
			return err
		}
		wait.wait(ctx)
	}
}

// try makes one attempt. over says that the goal is reached.
func (p *archivePart) try(ctx context.Context, tried *time.Time) (over bool, err error) {
	if p.messages == nil {
		if err := p.open(ctx); err != nil {
			return false, err
		}
		*tried = time.Now()
	}
	expected := p.next
	m, meta, err := p.message(archiveWait)
	switch {
	case err == nil && !p.follow && meta.Sequence.Stream > p.goal:
		p.counts.Missing += p.goal + 1 - min(expected, p.goal+1)
		return true, nil
	case err == nil:
		p.counts.Missing += meta.Sequence.Stream - expected
		p.head, p.stored = m, meta.Timestamp
		return false, nil
	case !errors.Is(err, nats.ErrTimeout):
		return false, fmt.Errorf("cannot read the stream %s: %w", p.stream.name, err)
	}
	if p.follow {
		if time.Since(*tried) < stalled {
			return true, nil
		}
		*tried = time.Now()
		if err := p.setGoal(ctx); err != nil {
			return false, err
		}
	}
	if over, err = p.isOver(ctx); over {
		p.counts.Missing += p.goal + 1 - min(p.next, p.goal+1)
		p.next = max(p.next, p.goal+1)
	} else if err == nil && (p.follow || time.Since(*tried) > stalled) {
		p.stop() // the consumer does not give what there is
	}
	return over, err
}

func (p *archivePart) end() {
	if p.messages != nil {
		p.stop()
		p.l.deleteConsumer(context.Background(), p.source, p.consumer)
	}
}
