package core

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// TestGarbageAtEveryPortDisturbsNoOtherPeer: raw noise, broken handshakes, and well-formed peers
// that send nonsense, many at once, at all ports of a post office, of a bound publisher
// and of a bound receiver; a stream that passes through all of them arrives whole.
func TestGarbageAtEveryPortDisturbsNoOtherPeer(t *testing.T) {
	const n = 20_000
	p, err := NewPublisher("@tcp://127.0.0.1:*", "pub")
	require.NoError(t, err)
	require.NoError(t, p.Start())
	defer p.Close()
	r, err := NewReceiver("@tcp://127.0.0.1:*", "rec")
	require.NoError(t, err)
	require.NoError(t, r.Subscribe("honest/"))
	set(t, r, "on_slow", "ignore")
	require.NoError(t, r.Start())
	defer r.Close()
	po, err := NewPostOffice("tcp://127.0.0.1:*,>"+get(t, p, "endpoint"), "tcp://127.0.0.1:*,>"+get(t, r, "endpoint"), "tcp://127.0.0.1:*")
	require.NoError(t, err)
	set(t, po, "cache.depth", "2")
	require.NoError(t, po.Start())
	defer po.Close()
	require.NoError(t, p.WaitReady(soon))
	require.Eventually(t, func() bool { return subscribed(po.Stats()) == 1 }, soon, pollEvery)

	ports := []string{get(t, p, "endpoint"), get(t, r, "endpoint")}
	for _, side := range []string{"in", "out", "debug"} {
		ports = append(ports, get(t, po, "endpoint."+side))
	}
	descriptors := countFDs(t)
	stop := testkit.SendGarbage(ports, 4)
	go func() {
		for i := range n {
			_ = p.Publish("honest/x", "", strconv.AppendInt(nil, int64(i), 10))
			if i%200 == 0 {
				time.Sleep(10 * time.Millisecond) // so that it lasts
			}
		}
	}()
	for next := 0; next < n; {
		e, err := r.Recv(soon)
		require.NoError(t, err, "after %d: %s", next, r.StatsJSON())
		if e.Origin == "pub" {
			if string(e.Data) != fmt.Sprint(next) || e.Lost != 0 {
				require.Equal(t, fmt.Sprint(next), string(e.Data), "lost %d", e.Lost)
			}
			next++
		}
	}
	visits := stop()
	require.Greater(t, visits, 100)
	require.Zero(t, r.Stats().Lost+r.Stats().Duplicates)
	require.Zero(t, po.Stats().Dropped)
	for _, component := range []Component{p, r, po} {
		require.Equal(t, "running", get(t, component, "state"))
	}
	require.Eventually(t, func() bool {
		return len(po.Stats().Subscribers) == 1 && len(po.Stats().Publishers) == 1 && len(p.Stats().Peers) == 1 && len(r.Stats().Peers) == 1
	}, soon, pollEvery, "all hostile peers are forgotten")
	require.Eventually(t, func() bool { return countFDs(t) <= descriptors }, soon, pollEvery)
}

// TestAHostilePeerCostsNeitherMemoryNorTheTimeOfOthers: well-formed but hostile peers do what
// costs most, for as long as an honest stream takes to pass.
func TestAHostilePeerCostsNeitherMemoryNorTheTimeOfOthers(t *testing.T) {
	const n, topics, queue = 5_000, 10_000, 1 << 20
	po := newOffice(t, "zmtp", "cache.depth", "1", "queue.bytes", strconv.Itoa(queue), "message.bytes", "1MiB")
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
	r, err := NewReceiver(get(t, po, "endpoint.out"), "rec")
	require.NoError(t, err)
	require.NoError(t, r.Subscribe("honest/"))
	set(t, r, "on_slow", "ignore")
	require.NoError(t, r.Start())
	defer r.Close()
	for i := range topics {
		require.NoError(t, p.Publish(fmt.Sprintf("kept/%d", i), "", []byte(`"something to remember"`)))
	}
	relayed(t, po, topics)
	require.Eventually(t, func() bool { return subscribed(po.Stats()) == 1 }, soon, pollEvery)

	subscribe, cancel := testkit.ZMTPFrame(0, []byte("\x01")), testkit.ZMTPFrame(0, []byte("\x00"))
	ping := testkit.ZMTPFrame(4, []byte("\x04PING\x00\x00context"))
	half := append(binary.BigEndian.AppendUint64([]byte{2}, 1<<20), make([]byte, 1000)...)
	deeds := []struct {
		side, kind string
		first, on  []byte
	}{
		{"out", "SUB", subscribe, nil},                    // subscribes to everything and never reads
		{"out", "SUB", nil, append(subscribe, cancel...)}, // asks for all that is kept, again and again
		{"out", "SUB", subscribe, ping},                   // asks without end for answers that it never reads
		{"out", "XSUB", nil, append(testkit.ZMTPFrame(0, []byte("\x01a")), testkit.ZMTPFrame(0, []byte("\x00a"))...)}, // makes work upstream
		{"out", "SUB", nil, testkit.ZMTPFrame(0, append([]byte{5}, make([]byte, 60_000)...))},                         // messages that concern no receiver
		{"in", "PUB", half, nil},                                  // half a big message
		{"in", "PUB", nil, testkit.ZMTPFrame(0, []byte("kept/"))}, // a flood of what has no subscriber
		{"in", "PUB", ping, ping},
	}
	before := heapInUse()
	var peers sync.WaitGroup
	var over atomic.Bool
	var bytes atomic.Int64
	for d := range 2 * len(deeds) {
		deed := deeds[d%len(deeds)]
		v := testkit.DialHostile(get(t, po, "endpoint."+deed.side), 1, uint64(d))
		require.NotNil(t, v)
		peers.Add(1)
		go func() {
			defer peers.Done()
			defer func() { _ = v.Close() }()
			v.ShakeHands(deed.kind)
			_, _ = v.Write(deed.first)
			for !over.Load() {
				if len(deed.on) == 0 {
					time.Sleep(pollEvery)
					continue
				}
				_ = v.SetWriteDeadline(time.Now().Add(pollEvery)) // what is not read waits
				k, _ := v.Write(deed.on)
				bytes.Add(int64(k))
			}
		}()
	}
	go func() {
		for i := range n {
			_ = p.Publish("honest/x", "", strconv.AppendInt(nil, int64(i), 10))
			if i%100 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}()
	var most int64
	for i, e := range collectWatching(t, r, n, func() { most = max(most, heapInUse()-before) }) {
		require.Equal(t, fmt.Sprint(i), string(e.Data))
	}
	over.Store(true)
	peers.Wait()
	require.NotZero(t, bytes.Load())
	require.Zero(t, r.Stats().Lost)
	for _, s := range po.Stats().Subscribers {
		require.LessOrEqual(t, s.QueueBytes, int64(queue+64<<10))
	}
	// Each of the 10 that do not read may fill its queue, whose copies may take twice that.
	require.Less(t, most, int64(100<<20))
	require.Equal(t, "running", get(t, po, "state"))
}
