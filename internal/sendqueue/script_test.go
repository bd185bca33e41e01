package sendqueue

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// scripted is a queue that a file of testdata/script drives. An envelope is written as
// topic:data. The commands, with what each prints:
//
//	start policy=P messages=N bytes=N   a run begins
//	put e...                            what became of each envelope
//	room                                whether a waiting caller was told to try again
//	bound messages=N bytes=N            the bound changes
//	refuse, abandon n=N                 what callers count that gave up
//	take                                the batch that is taken; batches are told by a letter
//	settle batch=B sent=N ...           what became of it, by carrier.Tally's fields
//	lose n=N                            lost with a connection
//	stage e...                          envelopes are written to the staging buffer; prints what the queue did with it since
//	drain, close, giveup unsent=N       the end of a run
//	stats                               all counters that are not 0
//
// After each command the accounting identity is checked.
type scripted struct {
	t      *testing.T
	q      Queue
	bound  queue.Bound
	room   <-chan struct{}
	taken  map[string]*batch.Batch
	stager *scriptedStager
}

func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/script", func(t *testing.T, path string) {
		s := &scripted{t: t, taken: map[string]*batch.Batch{}}
		draw := uint32(0x1233)
		s.q.Init(func() uint32 { draw++; return draw })
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t = t
			out := s.run(d)
			s.balance()
			return out
		})
	})
}

func (s *scripted) run(d *datadriven.TestData) string {
	n := func(key string) (v int) {
		d.MaybeScanArgs(s.t, key, &v)
		return v
	}
	q := &s.q
	switch d.Cmd {
	case "start":
		var name string
		d.ScanArgs(s.t, "policy", &name)
		policy, err := queue.ParsePolicy(name)
		require.NoError(s.t, err)
		s.bound = queue.Bound{Messages: int64(n("messages")), Bytes: int64(n("bytes"))}
		q.Start(Config{Policy: policy, Bound: func() queue.Bound { return s.bound }})
		if s.stager != nil {
			q.OpenStaging([]byte(`"o"`), nil, 100)
		}
	case "put":
		return s.put(d)
	case "room":
		return s.told()
	case "bound":
		s.bound = queue.Bound{Messages: int64(n("messages")), Bytes: int64(n("bytes"))}
		q.Retry()
	case "timedout":
		return fmt.Sprintln("open:", q.CountTimedOut())
	case "afterstop":
		q.CountAfterStop(n("n"))
	case "take":
		return s.take()
	case "settle":
		var name string
		d.ScanArgs(s.t, "batch", &name)
		b := s.taken[name]
		require.NotNil(s.t, b, "there is no batch %s", name)
		delete(s.taken, name)
		q.Settle(b, carrier.Tally{Sent: n("sent"), Unwanted: n("unwanted"), NoPeer: n("nopeer"), Unsent: n("unsent"), Dropped: n("dropped")})
	case "lost":
		q.CountLost(n("n"))
	case "stage":
		return s.stage(d)
	case "drain":
		select {
		case <-q.Drain():
			return "empty\n"
		default:
			return "not empty\n"
		}
	case "close":
		q.Close()
	case "dropall":
		return fmt.Sprintln("cost:", q.DropAll(n("unsent")))
	case "stats":
		return s.stats()
	default:
		d.Fatalf(s.t, "there is no command %s", d.Cmd)
	}
	return ""
}

// envelopes are the arguments without a value.
func envelopes(d *datadriven.TestData) (out [][2]string) {
	for _, a := range d.CmdArgs {
		if topic, data, ok := strings.Cut(a.Key, ":"); ok && len(a.Vals) == 0 {
			out = append(out, [2]string{topic, data})
		}
	}
	return out
}

func (s *scripted) put(d *datadriven.TestData) string {
	var out strings.Builder
	for _, e := range envelopes(d) {
		r, err := Put(&s.q, e[0], []byte(`"o"`), []byte(e[1]), Form{})
		fmt.Fprintf(&out, "%s:%s ", e[0], e[1])
		switch {
		case err != nil:
			fmt.Fprintln(&out, "error:", err)
		case !r.Open:
			fmt.Fprintln(&out, "not open")
		case r.Room != nil:
			s.room = r.Room
			fmt.Fprintln(&out, "has to wait")
		case r.DroppedNew:
			fmt.Fprintln(&out, "refused")
		case r.Dropped > 0:
			fmt.Fprintln(&out, "queued, in the place of", r.Dropped)
		default:
			fmt.Fprintln(&out, "queued")
		}
	}
	return out.String()
}

func (s *scripted) told() string {
	select {
	case <-s.room:
		return "try again\n"
	default:
		return "wait\n"
	}
}

func (s *scripted) take() string {
	b := s.q.Take()
	if b == nil {
		return "nothing\n"
	}
	name := string(rune('A' + len(s.taken)))
	for s.taken[name] != nil {
		name += "'"
	}
	s.taken[name] = b
	out := name + ":"
	for i := range b.Len() {
		f := batch.Frames(nil, b.Message(i))
		out += fmt.Sprintf(" %s:%s", strings.Trim(string(f[0]), `"`), f[2])
	}
	return out + "\n"
}

func (s *scripted) stats() string {
	now := s.q.Snapshot()
	var out []string
	for _, c := range []struct {
		name  string
		value int64
	}{
		{"accepted", int64(now.Accepted)}, {"sent", int64(now.Sent)}, {"queued", now.Queued}, {"unwanted", int64(now.Unwanted)},
		{"dropped_no_peer", int64(now.DroppedNoPeer)}, {"dropped_full", int64(now.DroppedFull)}, {"dropped_old", int64(now.DroppedOld)},
		{"dropped_conflated", int64(now.DroppedConflated)}, {"dropped_stop", int64(now.DroppedStop)},
	} {
		if c.value != 0 {
			out = append(out, fmt.Sprintf("%s=%d", c.name, c.value))
		}
	}
	return strings.Join(out, " ") + "\n"
}

// balance checks that the counters add up, and that an empty queue takes no memory.
func (s *scripted) balance() {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	c := s.q.counters
	require.EqualValues(s.t, c.Accepted, c.Sent+uint64(s.q.count)+c.Unwanted+c.DroppedNoPeer+c.DroppedFull+c.DroppedOld+c.DroppedConflated+c.DroppedStop)
	if s.q.count == 0 {
		require.Zero(s.t, [3]int64{s.q.bytes, s.q.inFlight, s.q.memory})
	}
}

// scriptedStager is a staging buffer that a script fills.
type scriptedStager struct {
	out      strings.Builder
	messages []byte
	ends     []uint32
}

func (s *scriptedStager) Open(_, _ []byte, _ int) bool {
	fmt.Fprintln(&s.out, "open")
	s.messages, s.ends = nil, nil
	return true
}

func (s *scriptedStager) Collect(a Allowance) ([]byte, []uint32) {
	fmt.Fprintf(&s.out, "collect %d, allow %d of %d bytes\n", len(s.ends), a.Messages, a.Bytes)
	messages, ends := s.messages, s.ends
	s.messages, s.ends = nil, nil
	return messages, ends
}

func (s *scriptedStager) Wakes() bool    { return false }
func (s *scriptedStager) ForgetFD() bool { return true }
func (s *scriptedStager) Close()         { fmt.Fprintln(&s.out, "close") }

// stage gives the queue a staging buffer, once, fills it, and prints what the queue has done
// with it since the last command of this kind.
func (s *scripted) stage(d *datadriven.TestData) string {
	if s.stager == nil {
		s.stager = &scriptedStager{}
		s.q.SetStager(s.stager)
	}
	for _, e := range envelopes(d) {
		b := batch.Get()
		require.NoError(s.t, appendEnvelope(b, e[0], e[1]))
		s.stager.messages = append(s.stager.messages, b.Message(0)...)
		s.stager.ends = append(s.stager.ends, uint32(len(s.stager.messages)))
		b.Release()
	}
	out := s.stager.out.String()
	s.stager.out.Reset()
	return out
}
