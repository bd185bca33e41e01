package durable

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/natssubject"
)

// stream is the JetStream stream of one prefix. All sites make it, with the limits that each of
// them has; those of the last one hold.
//
//	name       CLUSTER-PREFIX-HASH, with what names of streams may not have left out
//	subjects   the filter of the prefix, CLUSTER.d.….>
//	when full  the oldest messages go
type stream struct {
	Topics
	raw     []byte // the prefix, as first frames begin
	filter  string
	name    string
	cluster string
}

const (
	defaultDuplicates = 2 * time.Minute
	// requestTimeout is short because servers that have not agreed on a leader yet give no answer. A
	// request may be made again: it changes nothing the second time.
	requestTimeout = 3 * time.Second
)

func newStream(space natssubject.Space, t Topics) (stream, error) {
	raw, err := rawPrefix(t.Prefix)
	if err != nil {
		return stream{}, errs.Errorf(errs.EUTF8, "durable topics %q: the prefix is not UTF-8", t.Prefix)
	}
	if t.MaxAge < 0 || t.MaxBytes < 0 || t.MaxMessages < 0 || t.Replicas < 0 || t.Replicas > 5 || t.Duplicates < 0 {
		return stream{}, errs.Errorf(errs.EINVAL, "durable topics %q: no limit may be negative, and of replicas there are at most 5", t.Prefix)
	}
	if t.Duplicates == 0 {
		t.Duplicates = defaultDuplicates
	}
	if t.MaxAge > 0 {
		t.Duplicates = min(t.Duplicates, t.MaxAge)
	}
	t.Replicas = max(t.Replicas, 1)
	cluster := strings.TrimSuffix(space.Durable, ".d.")
	filter := space.DurableFilter(raw)
	sum := sha256.Sum256([]byte(filter))
	readable := strings.Trim(strings.Map(nameRune, t.Prefix), "-")
	if len(readable) > 40 {
		readable = readable[:40]
	}
	name := cluster + "-" + readable + "-" + hex.EncodeToString(sum[:4])
	return stream{Topics: t, raw: raw, filter: filter, name: name, cluster: cluster}, nil
}

// nameRune replaces what a name may not have, or should not.
func nameRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
		return r
	}
	return '-'
}

// ensure makes the stream, or gives it the limits of this site.
func (st *stream) ensure(ctx context.Context, l *line) (jetstream.Stream, error) {
	ctx, cancel := l.request(ctx)
	defer cancel()
	made, err := l.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: st.name, Description: "hermes: durable topics " + st.Prefix, Subjects: []string{st.filter},
		Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld, Replicas: st.Replicas, Duplicates: st.Duplicates,
		MaxAge: st.MaxAge, MaxBytes: orUnlimited(st.MaxBytes), MaxMsgs: orUnlimited(st.MaxMessages),
	})
	if err != nil {
		return nil, fmt.Errorf("cannot make the stream %s: %w%s", st.name, err, advice(err))
	}
	return made, nil
}

// advice is what to do when a stream cannot be made, as far as the answer says so.
func advice(err error) string {
	var answer *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return " (no NATS server with JetStream is there: give one a directory to store streams in)"
	case errors.Is(err, context.DeadlineExceeded):
		return " (most of the NATS servers with JetStream must be there)"
	case errors.As(err, &answer) && answer.ErrorCode == subjectsOverlap:
		return " (topics of another prefix, which were durable before, are in it: use that prefix, or delete the stream in NATS)"
	}
	return ""
}

// subjectsOverlap is the code of an answer of JetStream: another stream has some of the subjects.
const subjectsOverlap = 10065

func orUnlimited(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

// token makes one token of a subject of any name.
func token(name string) string {
	var out []byte
	const digits = "0123456789ABCDEF"
	for _, c := range []byte(name) {
		if c > ' ' && c < 0x7f && !strings.ContainsRune(".*>%", rune(c)) {
			out = append(out, c)
		} else {
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(out)
}
