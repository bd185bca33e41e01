package relay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/flow"
)

func TestATapSeesWhatPassesWhileItHasAFunction(t *testing.T) {
	var tap Tap
	b := batch.Get()
	defer b.Release()
	var seen []uint64
	source := flow.New(7, "a publisher", true)
	tap.pass(source, b)
	tap.Set(func(peer uint64, got *batch.Batch) {
		require.Same(t, b, got)
		seen = append(seen, peer)
	})
	tap.pass(source, b)
	tap.Set(nil)
	tap.pass(source, b)
	require.Equal(t, []uint64{7}, seen)
	(*Tap)(nil).pass(source, b)
}

func TestTheTapOfARelaySeesEachBatchOnce(t *testing.T) {
	r := &rig{}
	cfg := r.config("tcp://a:1", "tcp://b:1", "")
	var tap Tap
	cfg.Tap = &tap
	relay, err := Open(cfg)
	require.NoError(t, err)
	defer relay.close(&deadline.StopLimit{})
	seen := 0
	tap.Set(func(uint64, *batch.Batch) { seen++ })
	b := batch.Get()
	defer b.Release()
	relay.pass(flow.New(1, "", false), b)
	require.Equal(t, 1, seen)
}
