package backbone_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/linkmessage"
)

func TestWhatIsSentWhileNATSIsAwayIsCounted(t *testing.T) {
	first := natsServer(t, &server.Options{})
	port := first.Addr().String()[len("127.0.0.1:"):]
	s := sitesAt(t, first.ClientURL(), 2)
	r := newReceiver(t, s[1].office, "t")
	wanted(t, s[0], 1)
	p := newPublisher(t, s[0].office, "pub")
	publish(t, p, "t", 0, 100)
	inOrder(t, collect(t, r, 100), 0)

	first.Shutdown()
	first.WaitForShutdown()
	nextEvent(t, s[0].backbone, "backbone_disconnected")
	publish(t, p, "t", 100, 200)
	eventually(t, "what is sent now is not dropped", func() bool { return s[0].backbone.Stats().DroppedDisconnected == 100 })
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	natsServer(t, &server.Options{Port: n})
	for _, x := range s {
		require.NoError(t, x.backbone.WaitReady(soon))
		eventually(t, "it does not count that", func() bool { return x.backbone.Stats().Reconnects == 1 })
	}

	// The first subscriptions may be made after the first messages.
	i := 200
	eventually(t, "nothing arrives after the outage", func() bool {
		publish(t, p, "t", i, i+1)
		i++
		return r.Stats().Queued > 0
	})
	publish(t, p, "t", i, i+100)
	eventually(t, "the rest does not arrive", func() bool {
		s := r.Stats()
		return int(s.Arrived+s.Lost) == i+100
	})
	lost := int(r.Stats().Lost)
	require.GreaterOrEqual(t, lost, 100)
	require.Zero(t, r.Stats().Duplicates)
	got := collect(t, r, i+100-100-lost)
	require.Equal(t, fmt.Sprint(i+99), string(got[len(got)-1].Data))
	for _, x := range s {
		balanced(t, x.backbone, x.office)
	}
}

// TestAFloodIsBounded: what has no room is dropped for the backbone alone.
func TestAFloodIsBounded(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	a, b := newOffice(t), newOffice(t)
	atA := join(t, a, backbone.Options{Servers: []string{url}, Site: "a", QueueMessages: 50, QueueBytes: 4000})
	atB := join(t, b, backbone.Options{Servers: []string{url}, Site: "b"})
	here, there := newReceiver(t, a, "t"), newReceiver(t, b, "t")
	wanted(t, site{a, atA}, 1)
	p := newPublisher(t, a, "pub")
	const n = 20_000
	publish(t, p, "t", 0, n)
	inOrder(t, collect(t, here, n), 0)
	lossless(t, here)
	s := balanced(t, atA, a)
	require.EqualValues(t, n, s.Given)
	require.Positive(t, s.DroppedQueueFull)
	require.Equal(t, s.Given, s.OutMessages+s.DroppedQueueFull)
	eventually(t, "what was sent does not arrive", func() bool { return there.Stats().Arrived == s.OutMessages })
	balanced(t, atB, b)
	last := -1
	for _, e := range collect(t, there, int(s.OutMessages)) {
		var i int
		require.NoError(t, json.Unmarshal(e.Data, &i))
		require.Greater(t, i, last)
		last = i
	}
	require.Zero(t, there.Stats().Duplicates)
}

// TestASlowReceiverLosesAloneAndIsCounted: another one at the same site gets everything.
func TestASlowReceiverLosesAloneAndIsCounted(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	a, b := newOffice(t), newOffice(t, "queue.messages", "1000")
	atA := join(t, a, backbone.Options{Servers: []string{url}, Site: "a"})
	atB := join(t, b, backbone.Options{Servers: []string{url}, Site: "b"})
	slow := newReceiver(t, b, "t", "queue.messages", "10", "queue.full", "block", "queue.block", "1h")
	fast := newReceiver(t, b, "t")
	wanted(t, site{a, atA}, 1)
	p := newPublisher(t, a, "pub")
	const n, each = 2000, 20_000
	data := []byte(`"` + string(bytes.Repeat([]byte("x"), each)) + `"`)
	for i := range n {
		require.NoError(t, p.Publish("t", "", data))
		if i%100 == 99 {
			collect(t, fast, 100)
		}
	}
	lossless(t, fast)
	balanced(t, atA, a)
	s := balanced(t, atB, b)
	require.EqualValues(t, n, s.InMessages)
	dropped := uint64(0)
	for _, p := range b.Stats().Subscribers {
		dropped += p.Dropped
	}
	require.Positive(t, dropped)
	require.NoError(t, slow.Stop(0))
}

func TestMalformedMessagesAreCountedAndHarmless(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	s := sitesAt(t, url, 2)
	r := newReceiver(t, s[1].office, "")
	wanted(t, s[0], 1)
	outsider, err := nats.Connect(url)
	require.NoError(t, err)
	defer outsider.Close()
	good := linkmessage.Begin(nil)
	b := batch.Get()
	defer b.Release()
	b.AppendFrame([]byte("topic"), false)
	good = append(good, b.Buf...)
	linkmessage.Finish(good, linkmessage.Header{Run: 99, Number: 1})
	bad := [][]byte{nil, []byte("x"), bytes.Repeat([]byte{0xff}, 1000), good[:linkmessage.HeaderSize], append(bytes.Clone(good), 1)}
	for _, data := range bad {
		for _, subject := range []string{"hermes.t.t", "hermes.r.x.y", "hermes.c.all"} {
			require.NoError(t, outsider.Publish(subject, data))
		}
	}
	require.NoError(t, outsider.Publish("hermes.t.t", good)) // well-formed, and no envelope
	require.NoError(t, outsider.Publish("hermes.t.t", good)) // and once more
	eventually(t, "not all are counted", func() bool {
		x := s[1].backbone.Stats()
		return x.DroppedMalformed == uint64(3*len(bad)) && x.Arrived == 2 && x.WaitingIn == 0
	})
	require.EqualValues(t, []any{1, 1}, []any{int(s[1].backbone.Stats().InMessages), int(s[1].backbone.Stats().Duplicates)})
	eventually(t, "it is not counted", func() bool { return r.Stats().DroppedMalformed == 1 })
	p := newPublisher(t, s[0].office, "pub")
	publish(t, p, "t", 0, 100)
	inOrder(t, collect(t, r, 100), 0)
	balanced(t, s[0].backbone, s[0].office)
	balanced(t, s[1].backbone, s[1].office)
}

func TestMessagesThatNATSDoesNotTakeAreCounted(t *testing.T) {
	for _, limit := range []int32{2000, 200_000} {
		s := sitesAt(t, natsServer(t, &server.Options{MaxPayload: limit}).ClientURL(), 2)
		r := newReceiver(t, s[1].office, "t")
		wanted(t, s[0], 1)
		p := newPublisher(t, s[0].office, "pub")
		for i := range 100 {
			require.NoError(t, p.Publish("t", "", fmt.Append(nil, i)))
			if i%10 == 0 {
				require.NoError(t, p.Publish("t", "", []byte(`"`+string(bytes.Repeat([]byte("x"), int(limit)))+`"`)))
			}
			if i%10 == 5 {
				require.NoError(t, p.Publish("t/large", "", []byte(`"`+string(bytes.Repeat([]byte("x"), int(limit)*3/4))+`"`)))
			}
		}
		small, large := []core.Envelope{}, 0
		for _, e := range collect(t, r, 110) {
			if e.Topic == "t/large" {
				large++
			} else {
				small = append(small, e)
			}
		}
		inOrder(t, small, 0)
		require.Equal(t, 10, large)
		got := balanced(t, s[0].backbone, s[0].office)
		require.EqualValues(t, []any{10, 110}, []any{int(got.DroppedTooLong), int(got.OutMessages)})
		require.EqualValues(t, 10, r.Stats().Lost)
		require.Contains(t, nextEvent(t, s[0].backbone, "backbone_too_long").Text, "max_payload")
	}
}
