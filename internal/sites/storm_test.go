package sites

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/interest"
	"github.com/hermes-zmq/hermes/internal/natssubject"
	"github.com/hermes-zmq/hermes/internal/notify"
)

// storm lets receivers with 100 prefixes each come at once, and counts what that makes a site tell the others, if
// changes are collected for some time.
func storm(b testing.TB, receivers int, collect time.Duration, prefix func(receiver, i int) string) (batches, messages, bytes, filters int) {
	space, err := natssubject.New("hermes")
	require.NoError(b, err)
	set := interest.New(space, nil)
	s := New(Config{Site: "x", Run: 1, Control: space.Control, Want: func([]byte, bool) {}, OnEvent: func(notify.Event) {},
		Now: func() time.Duration { return 0 },
		Send: func(_ string, data []byte) {
			messages++
			bytes += len(data)
		}})
	s.Start()
	messages, bytes = 0, 0
	var all sync.WaitGroup
	for r := range receivers {
		all.Go(func() {
			for i := range 100 {
				set.Add([]byte(prefix(r, i)))
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	take := func() {
		if batch := set.Take(); !batch.Empty() {
			batches++
			filters += len(batch.AddFilters) + len(batch.RemoveFilters)
			s.Change(batch.AddPrefixes, batch.RemovePrefixes)
		}
	}
	for open := true; open; {
		select {
		case <-set.Changed():
			time.Sleep(collect)
		case <-done:
			open = false
		}
		take()
	}
	return batches, messages, bytes, filters
}

func BenchmarkReceiversThatComeAtOnce(b *testing.B) {
	for _, collect := range []time.Duration{2 * time.Millisecond, 20 * time.Millisecond} {
		for name, prefix := range map[string]func(r, i int) string{
			"different": func(r, i int) string { return fmt.Sprintf(`"area%d/sensor%d/`, i, r) },
			"same":      func(_, i int) string { return fmt.Sprintf(`"area%d/`, i) },
			"inside":    func(r, i int) string { return fmt.Sprintf(`"area%d/sensor%04d`, i, r) },
		} {
			b.Run(fmt.Sprintf("%s/%s", name, collect), func(b *testing.B) {
				for range b.N {
					batches, messages, bytes, filters := storm(b, 1000, collect, prefix)
					b.ReportMetric(float64(batches), "batches")
					b.ReportMetric(float64(messages), "messages")
					b.ReportMetric(float64(bytes)/1024, "KiB")
					b.ReportMetric(float64(filters), "filters")
				}
			})
		}
	}
}

func TestReceiversThatWantTheSameCostNoMoreThanOne(t *testing.T) {
	_, messages, _, filters := storm(t, 50, 20*time.Millisecond, func(_, i int) string { return fmt.Sprintf(`"area%d/`, i) })
	require.LessOrEqual(t, messages, 100)
	require.Equal(t, 100, filters)
}

// BenchmarkASnapshotOf100000 is one site that comes to another one that wants 100,000 prefixes.
func BenchmarkASnapshotOf100000(b *testing.B) {
	o := newOwn()
	var add []string
	for i := range MaxPrefixes {
		add = append(add, fmt.Sprintf(`"area%d/sensor%d/`, i%100, i))
	}
	o.change(add, nil)
	chunks := o.snapshot()
	b.ReportMetric(float64(len(chunks)), "messages")
	b.ResetTimer()
	for range b.N {
		s := New(Config{Site: "x", Run: 1, Control: "c.", Want: func([]byte, bool) {}, OnEvent: func(notify.Event) {},
			Now: func() time.Duration { return 0 }, Send: func(string, []byte) {}})
		s.Start()
		for _, c := range chunks {
			s.Hear(c)
		}
		require.Equal(b, MaxPrefixes, s.Stats().Remote)
	}
	b.ReportMetric(float64(len(chunks)), "messages")
}
