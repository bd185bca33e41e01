package recording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/admission"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// soon is how long anything may take before a test calls it broken.
const soon = 30 * time.Second

// source is what a receiver is to a Recorder: admission with a tap, and its counters.
type source struct {
	control *admission.Control
	queue   *recvqueue.Queue
	now     time.Time
}

func newSource(tap admission.Tap) *source {
	s := &source{now: time.Unix(1_800_000_000, 0)}
	s.queue = recvqueue.New(recvqueue.Limits{
		Bound:    func() queue.Bound { return queue.Bound{Messages: 1, Bytes: 1 << 20} },
		BlockFor: func() time.Duration { return time.Second },
	})
	s.control = admission.New(admission.Config{
		Rules: func() admission.Rules {
			return admission.Rules{OnSlow: admission.IgnoreAge, Origins: admission.AllOrigins}
		},
		Hold:      func() time.Duration { return time.Second },
		Report:    func(*admission.Findings) {},
		Fail:      func(err error) { panic(err) },
		TimeOfDay: func() time.Time { return s.now },
	}, s.queue)
	s.control.SetTap(tap)
	s.queue.Open(queue.DropNew)
	s.control.Begin(0)
	return s
}

// stats are its counters, as a receiver gives them.
func (s *source) stats() json.RawMessage {
	n := s.queue.Stats()
	return json.RawMessage(fmt.Sprintf(`{"arrived":%d,"delivered":%d,"lost":%d,"duplicates":%d,"dropped_duplicate":%d,"dropped_malformed":%d}`,
		n.Arrived, n.Delivered, n.Lost, n.Duplicates, n.DroppedDuplicate, n.DroppedMalformed))
}

// numberedMessage is an envelope as hermes sends it.
func numberedMessage(topic string, run uint16, number uint32, data string) []byte {
	b := batch.Get()
	defer b.Release()
	if err := wire.Append(b, topic, []byte(`"me"`), []byte(data), true); err != nil {
		panic(err)
	}
	wire.Stamp(b, 1_799_999_999_000_000+int64(number), true)
	wire.Number(b, 0, wire.Sequence{Incarnation: run, Number: number})
	return bytes.Clone(b.Message(0))
}

// message is one of any frames.
func message(topic, origin, data, time string) []byte {
	f := Frames{[]byte(topic), []byte(origin), []byte(data), []byte(time)}
	return f.appendTo(nil)
}

// arrive hands in messages in one batch, a moment later.
func (s *source) arrive(messages ...[]byte) {
	b := batch.Get()
	defer b.Release()
	for _, m := range messages {
		b.AppendMessage(m)
	}
	s.now = s.now.Add(time.Millisecond)
	s.control.Deliver(b)
}

// recording is a Recorder with a source.
type recording struct {
	*Recorder
	*source
	mu      sync.Mutex
	notices []string
}

// record begins to record.
func record(t testing.TB, cfg Config) *recording {
	t.Helper()
	r, err := tryRecord(cfg)
	require.NoError(t, err)
	return r
}

func tryRecord(cfg Config) (*recording, error) {
	r := &recording{}
	if cfg.Flush == 0 {
		cfg.Flush = time.Hour
	}
	if cfg.ChunkBytes == 0 {
		cfg.ChunkBytes = 1 << 20
	}
	cfg.Notice = func(text string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.notices = append(r.notices, text)
	}
	cfg.Receiver = func() json.RawMessage { return r.stats() }
	var err error
	if r.Recorder, err = New(cfg); err != nil {
		return nil, err
	}
	r.source = newSource(r.Tap())
	return r, nil
}

// end ends it, and gives how far it has come.
func (r *recording) end(t testing.TB) Progress {
	t.Helper()
	r.control.End()
	p, err := r.Close()
	require.NoError(t, err)
	return p
}

func (r *recording) noticed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.notices...)
}

// open opens files.
func open(t testing.TB, names ...string) (files []*mcap.File) {
	t.Helper()
	for _, name := range names {
		f, end, err := mcap.Open(name)
		require.NoError(t, err)
		t.Cleanup(func() { _ = end() })
		files = append(files, f)
	}
	return files
}

// messagesOf gives the messages of files, in ZMTP framing.
func messagesOf(t testing.TB, files []*mcap.File, filter Filter) (out [][]byte) {
	t.Helper()
	for e, err := range Envelopes(files, filter) {
		require.NoError(t, err)
		out = append(out, e.Frames.appendTo(nil))
	}
	return out
}

// verified verifies files, and wants them right.
func verified(t testing.TB, names ...string) []*Verified {
	t.Helper()
	all, err := Verify(names, nil)
	require.NoError(t, err)
	for _, v := range all {
		require.Empty(t, v.Problems, v.File)
		require.True(t, v.OK)
	}
	return all
}

// namesIn lists the files in a folder.
func namesIn(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, filepath.Join(dir, e.Name()))
	}
	return names
}

func joined(texts []string) string { return strings.Join(texts, "; ") }

func wireSequence(run uint16, number uint32) wire.Sequence {
	return wire.Sequence{Incarnation: run, Number: number}
}
