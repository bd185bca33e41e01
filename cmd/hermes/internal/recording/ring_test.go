package recording

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestARingIsWrittenWhenThereIsAReason(t *testing.T) {
	for name, c := range map[string]struct {
		ring    Ring
		trigger func(*Frames) bool
		dump    func(r *recording)
	}{
		"told":  {dump: func(r *recording) { r.Dump("told") }},
		"loss":  {ring: Ring{OnLoss: true}, dump: func(r *recording) { r.arrive(numberedMessage("t", 3, 9, "1")) }},
		"match": {trigger: func(f *Frames) bool { return string(f.Data) == "9" }, dump: func(r *recording) { r.arrive(numberedMessage("t", 3, 5, "9")) }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.ring.Last, c.ring.Bytes = time.Hour, 1<<20
			r := record(t, Config{Name: filepath.Join(dir, "a.mcap"), Compression: mcap.Zstd, Ring: c.ring, Trigger: c.trigger, Flush: time.Millisecond})
			for n := range uint32(5) {
				r.arrive(numberedMessage("t", 3, n, "1"))
			}
			require.Empty(t, namesIn(t, dir))
			c.dump(r)
			testkit.Repeat(t, "it is written", func() bool { return len(r.noticed()) == 1 })
			p := r.end(t)
			require.Equal(t, 1, p.Files)
			names := namesIn(t, dir)
			require.Len(t, names, 1)
			require.GreaterOrEqual(t, len(messagesOf(t, open(t, names...), Filter{})), 5)
			verified(t, names...)
		})
	}
}

func TestARingForgetsTheOldest(t *testing.T) {
	dir := t.TempDir()
	r := record(t, Config{Name: filepath.Join(dir, "a.mcap"), Compression: mcap.None, ChunkBytes: 1, Ring: Ring{Last: time.Hour, Bytes: 2000}})
	for n := range uint32(100) {
		r.arrive(numberedMessage("t", 3, n, "1"))
	}
	testkit.Repeat(t, "all have come", func() bool { return r.Progress().Envelopes == 100 })
	r.Dump("test")
	testkit.Repeat(t, "it is written", func() bool { return len(r.noticed()) == 1 })
	p := r.end(t)
	kept := messagesOf(t, open(t, namesIn(t, dir)...), Filter{})
	require.Equal(t, 100, len(kept)+int(p.Evicted))
	require.NotEmpty(t, kept)
	require.Less(t, len(kept), 40)
	require.Equal(t, numberedMessage("t", 3, 99, "1"), kept[len(kept)-1])
}

func TestAnEmptyRingIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	r := record(t, Config{Name: filepath.Join(dir, "a.mcap"), Compression: mcap.None, Ring: Ring{Last: time.Hour, Bytes: 2000}})
	r.Dump("test")
	testkit.Repeat(t, "it says so", func() bool { return strings.Contains(strings.Join(r.noticed(), ""), "nothing is written") })
	r.end(t)
	require.Empty(t, namesIn(t, dir))
}
