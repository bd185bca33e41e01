package admission

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// noon is the time of day in all tests.
var noon = time.Unix(1_800_000_000, 0)

// receiver is a Control with a queue, and what it has reported.
type receiver struct {
	*Control
	queue    *recvqueue.Queue
	rules    Rules
	hold     time.Duration
	blockFor atomic.Int64 // after which an application that takes nothing is stalled, in ns
	reported []string
}

func newReceiver(policy queue.Policy, messages int64, paths int) *receiver {
	r := &receiver{rules: Rules{SlowAfter: time.Hour, OnSlow: StopReceiver, Origins: FilterOrigins}, hold: time.Hour}
	r.blockFor.Store(int64(time.Millisecond))
	r.queue = recvqueue.New(recvqueue.Limits{
		Bound:    func() queue.Bound { return queue.Bound{Messages: messages, Bytes: 1 << 40} },
		BlockFor: func() time.Duration { return time.Duration(r.blockFor.Load()) },
	})
	r.Control = New(Config{
		Rules:  func() Rules { return r.rules },
		Hold:   func() time.Duration { return r.hold },
		Report: func(f *Findings) { r.reported = append(r.reported, findingsText(f)) },
		Fail:   func(err error) { panic(err) },

		TimeOfDay: func() time.Time { return noon },
	}, r.queue)
	r.queue.Open(policy)
	r.Begin(paths)
	for p := range paths {
		r.SetConnected(p, true)
	}
	return r
}

// findingsText is what was noticed; ages are in whole seconds.
func findingsText(f *Findings) string {
	var out []string
	add := func(some bool, format string, args ...any) {
		if some {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(f.Malformed > 0, "malformed:%d (%v)", f.Malformed, f.Err)
	add(f.Dropped > 0, "full:%d", f.Dropped)
	add(f.Lost > 0, "lost:%d of %s from %s", f.Lost, f.LostTopic, f.LostOrigin)
	add(f.Lagging > 0, "lagging:%d by %.0f", f.Lagging, f.Lag)
	add(f.Slow > 0, "slow:%d by %.0f of %s from %s", f.Slow, f.SlowAge, f.SlowTopic, f.SlowOrigin)
	add(f.Suspicion.Count > 0, "clock:%d from %.0f", f.Suspicion.Count, f.Suspicion.Least)
	add(f.Future > 0, "future:%d by %.0f from %s", f.Future, f.Ahead, f.FutureOrigin)
	add(f.Stopped, "stopped")
	return strings.Join(out, ", ")
}

// arrival is one envelope of a test.
type arrival struct {
	topic, origin string
	age           time.Duration
	number        int // -1: none
	incarnation   uint16
	cached        bool
}

func batchOf(t testing.TB, arrivals ...arrival) *batch.Batch {
	t.Helper()
	b := batch.Get()
	for _, a := range arrivals {
		one := batch.Get()
		require.NoError(t, wire.Append(one, a.topic, []byte(`"`+a.origin+`"`), fmt.Append(nil, a.number), a.number >= 0))
		wire.Stamp(one, noon.Add(-a.age).UnixMicro(), true)
		if a.number >= 0 {
			wire.Number(one, 0, wire.Sequence{Incarnation: a.incarnation, Number: uint32(a.number)})
		}
		msg := one.Message(0)
		if a.cached {
			at, ok := wire.TimeAt(msg)
			require.True(t, ok)
			msg = wire.AppendMarked(nil, msg, at)
		}
		b.AppendMessage(msg)
		one.Release()
	}
	return b
}

// arrive hands in envelopes in one batch; path is -1 where there are none.
func (r *receiver) arrive(t testing.TB, path int, arrivals ...arrival) {
	t.Helper()
	b := batchOf(t, arrivals...)
	defer b.Release()
	r.deliver(path, b)
}

func (r *receiver) deliver(path int, b *batch.Batch) {
	if path < 0 {
		r.Deliver(b)
	} else {
		r.DeliverFrom(path, b)
	}
}

// take takes all there is, as topic:number, with what is lost before it.
func (r *receiver) take() string {
	var out []string
	var d recvqueue.Taken
	defer d.Release()
	if r.queue.Take(&d, 1<<20, 0) != recvqueue.Took {
		return "nothing"
	}
	var v recvqueue.View
	for i := range d.Len() {
		d.Look(i, &v)
		text := fmt.Sprintf("%s:%s", v.Topic, v.Data)
		if v.Lost > 0 {
			text += fmt.Sprintf("(lost %d)", v.Lost)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func (r *receiver) stats() string {
	s := r.queue.Stats()
	var out []string
	for _, c := range []struct {
		name string
		n    any
	}{{"arrived", s.Arrived}, {"queued", s.Queued}, {"held", s.Held}, {"delivered", s.Delivered}, {"origin", s.DroppedOrigin},
		{"stale", s.DroppedStale}, {"malformed", s.DroppedMalformed}, {"overflow", s.DroppedOverflow}, {"duplicate", s.DroppedDuplicate},
		{"lost", s.Lost}, {"duplicates", s.Duplicates}, {"cached", s.Cached}, {"future", s.FromFuture}} {
		if text := fmt.Sprint(c.n); text != "0" {
			out = append(out, c.name+"="+text)
		}
	}
	if s.Lag.Max != 0 {
		out = append(out, fmt.Sprintf("lag=%.0f lag_max=%.0f", s.Lag.Newest, s.Lag.Max))
	}
	return strings.Join(out, " ")
}

// TestScripts runs testdata. The commands are:
//
//	new [policy=P] [messages=N] [paths=N]      a receiver that has been started
//	rules [timeout=T] [on_slow=S] [guard=on|off] [origins=O]
//	accept origin=O, skip-gaps, end, flush, restart
//	arrive [path=P]                            one batch of the lines
//	                                           topic origin first-last|- [age=T] [cached] [incarnation=I]
//	raw                                        one batch; each line is a message, frames separated by |
//	take, stats
//
// The output of arrive and raw is what was reported.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out := s.run(t, d)
			for _, text := range s.r.reported {
				out += text + "\n"
			}
			s.r.reported = nil
			return out
		})
	})
}

type script struct{ r *receiver }

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	path, text := -1, ""
	d.MaybeScanArgs(t, "path", &path)
	switch d.Cmd {
	case "new":
		s.create(t, d)
	case "rules":
		s.rule(t, d)
	case "accept":
		d.ScanArgs(t, "origin", &text)
		s.r.Accept(text)
	case "skip-gaps":
		s.r.SkipGaps()
	case "end":
		s.r.End()
	case "flush":
		s.r.Flush()
	case "restart":
		s.r.Begin(0)
	case "arrive":
		s.r.arrive(t, path, arrivalsOf(t, d.Input)...)
	case "raw":
		b := batch.Get()
		defer b.Release()
		for _, line := range strings.Split(d.Input, "\n") {
			frames := strings.Split(line, "|")
			for i, f := range frames {
				b.AppendFrame([]byte(f), i < len(frames)-1)
			}
		}
		s.r.deliver(path, b)
	case "take":
		return s.r.take() + "\n"
	case "stats":
		return s.r.stats() + "\n"
	default:
		d.Fatalf(t, "no command %q", d.Cmd)
	}
	return ""
}

func (s *script) create(t *testing.T, d *datadriven.TestData) {
	policy, messages, paths := queue.DropNew, int64(1000), 0
	var name string
	if d.MaybeScanArgs(t, "policy", &name) {
		var err error
		policy, err = queue.ParsePolicy(name)
		require.NoError(t, err)
	}
	d.MaybeScanArgs(t, "messages", &messages)
	d.MaybeScanArgs(t, "paths", &paths)
	s.r = newReceiver(policy, messages, paths)
}

func (s *script) rule(t *testing.T, d *datadriven.TestData) {
	for _, a := range d.CmdArgs {
		switch v := a.SingleVal(t); a.Key {
		case "timeout":
			var err error
			s.r.rules.SlowAfter, err = time.ParseDuration(v)
			require.NoError(t, err)
		case "on_slow":
			s.r.rules.OnSlow = OnSlow(v)
		case "guard":
			s.r.rules.GuardClocks = v == "on"
		case "origins":
			s.r.rules.Origins = Origins(v)
		default:
			d.Fatalf(t, "no rule %q", a.Key)
		}
	}
}

func arrivalsOf(t *testing.T, input string) (out []arrival) {
	for _, line := range strings.Split(input, "\n") {
		f := strings.Fields(line)
		a := arrival{topic: f[0], origin: f[1], number: -1, incarnation: 1}
		for _, option := range f[3:] {
			key, value, _ := strings.Cut(option, "=")
			switch key {
			case "age":
				var err error
				a.age, err = time.ParseDuration(value)
				require.NoError(t, err)
			case "cached":
				a.cached = true
			case "incarnation":
				n, err := strconv.Atoi(value)
				require.NoError(t, err)
				a.incarnation = uint16(n)
			default:
				require.Fail(t, "no such option of an envelope", option)
			}
		}
		if f[2] == "-" {
			out = append(out, a)
			continue
		}
		from, to, several := strings.Cut(f[2], "-")
		first, err := strconv.Atoi(from)
		require.NoError(t, err)
		last := first
		if several {
			last, err = strconv.Atoi(to)
			require.NoError(t, err)
		}
		for a.number = first; a.number <= last; a.number++ {
			out = append(out, a)
		}
	}
	return out
}

// TestEndEndsAPutThatWaits, and neither Accept nor SkipGaps waits for it.
func TestEndEndsAPutThatWaits(t *testing.T) {
	for _, path := range []int{-1, 0} {
		r := newReceiver(queue.Block, 1, path+1)
		r.blockFor.Store(-1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.arrive(t, path, arrival{topic: "t", origin: "o", number: 0}, arrival{topic: "t", origin: "o", number: 1})
		}()
		testkit.Repeat(t, "one envelope is queued", func() bool { return r.Control.queue.Stats().Queued == 1 })
		r.Accept("o")
		r.SkipGaps()
		r.End()
		testkit.Receive(t, done, "the Put that waits")
		s := r.Control.queue.Stats()
		require.EqualValues(t, []uint64{2, 1}, []uint64{s.Arrived, s.DroppedOverflow})
	}
}

// tapped collects the messages that a tap is given, and what their records say.
func tapped(r *receiver) *[]string {
	var got []string
	r.SetTap(func(b *batch.Batch, records []recvqueue.Record) {
		for i := range records {
			rec := &records[i]
			var msg []byte
			for m := range b.Len() {
				if b.Start(m) < rec.Begin() && rec.Begin() < b.Ends[m] {
					msg = b.Message(m)
				}
			}
			p, err := wire.Split(msg, new(wire.StreamMemo))
			if err != nil || string(p.Data) != string(rec.Data.Of(b.Buf)) {
				got = append(got, "wrong")
				continue
			}
			text := fmt.Sprintf("%s:%d", p.Topic[1:len(p.Topic)-1], p.Sequence.Number)
			if rec.Lost > 0 {
				text += fmt.Sprintf("(lost %d)", rec.Lost)
			}
			got = append(got, text)
		}
	})
	return &got
}

// TestATapIsGivenWholeMessagesInPlaceOfTheQueue, of one path.
func TestATapIsGivenWholeMessagesInPlaceOfTheQueue(t *testing.T) {
	r := newReceiver(queue.DropNew, 1, 0)
	got := tapped(r)
	r.Begin(0)
	r.arrive(t, -1, append(run("t", 0, 2), run("t", 4, 5)...)...)
	require.Equal(t, []string{"t:0", "t:1", "t:4(lost 2)"}, *got)
	s := r.queue.Stats()
	require.EqualValues(t, []uint64{3, 3, 2, 0}, []uint64{s.Arrived, s.Delivered, s.Lost, uint64(s.QueuedBytes)})
}

// TestATapIsGivenWholeMessagesOfSeveralPaths, those too that were held.
func TestATapIsGivenWholeMessagesOfSeveralPaths(t *testing.T) {
	r := newReceiver(queue.DropNew, 100, 2)
	got := tapped(r)
	r.arrive(t, 0, run("t", 0, 1)...)
	r.arrive(t, 1, run("t", 0, 1)...)
	r.arrive(t, 0, append(run("t", 2, 4), run("u", 0, 1)...)...)
	r.arrive(t, 1, run("t", 1, 2)...)
	r.Flush()
	require.Equal(t, []string{"t:0", "u:0", "t:1", "t:2", "t:3"}, *got)
	s := r.queue.Stats()
	require.EqualValues(t, []uint64{6, 5, 1, 0}, []uint64{s.Arrived, s.Delivered, s.DroppedDuplicate, uint64(s.Held)})
}
