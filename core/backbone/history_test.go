package backbone_test

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// explain logs, where the test has failed, the events of a receiver.
func explain(t testing.TB, r *core.Receiver) *core.Receiver {
	t.Cleanup(func() {
		for t.Failed() {
			e, err := r.NextEvent(0)
			if err != nil {
				return
			}
			t.Logf("%s: %s", e.Kind, e.Text)
		}
	})
	return r
}

// inOrderByTopic takes n envelopes, and demands of each topic 0, 1, 2, ...
func inOrderByTopic(t testing.TB, r *core.Receiver, n int) {
	t.Helper()
	due := map[string]int{}
	for _, e := range collect(t, r, n) {
		require.Equal(t, strconv.Itoa(due[e.Topic]), string(e.Data), e.Topic)
		due[e.Topic]++
	}
	nothing(t, r)
	lossless(t, r)
}

// TestALateReceiverAtAnotherSiteGetsAllHistory: it begins in the middle of the flow, at its own site,
// at the site of the publisher, and at one that joined when much had been sent.
func TestALateReceiverAtAnotherSiteGetsAllHistory(t *testing.T) {
	j := startJetStream(t)
	a, b := newOffice(t), newOffice(t)
	atA := join(t, a, orders("a", j.url()))
	join(t, b, orders("b", j.url()))
	p := newPublisher(t, a, "pub")
	publish(t, p, "orders/x", 0, 10_000)
	eventually(t, "the first half is not stored", func() bool { return atA.Stats().DurableOut == 10_000 })
	flow := make(chan error, 1)
	middle := make(chan struct{})
	go func() {
		for i := 10_000; i < 20_000; i++ {
			if i == 13_000 {
				close(middle)
			}
			if err := p.Publish("orders/x", "", strconv.AppendInt(nil, int64(i), 10)); err != nil {
				flow <- err
				return
			}
		}
		flow <- nil
	}()
	testkit.Receive(t, middle, "the middle of the flow")
	c := newOffice(t)
	join(t, c, orders("c", j.url()))
	receivers := []*core.Receiver{
		explain(t, newReceiver(t, b, "orders/", "since", "all")),
		explain(t, newReceiver(t, a, "orders/x", "since", "1h")),
		explain(t, newReceiver(t, c, "ord", "since", "0")),
	}
	require.NoError(t, testkit.Receive(t, flow, "the flow"))
	for _, r := range receivers {
		inOrderByTopic(t, r, 20_000)
		require.Positive(t, r.Stats().Cached)
	}
	publish(t, p, "orders/x", 20_000, 20_010)
	for _, r := range receivers {
		inOrder(t, collect(t, r, 10), 20_000)
	}
	require.Zero(t, b.Stats().HistoryIncomplete+a.Stats().HistoryIncomplete)
	durableBalance(t, atA)
}

func TestHistoryOfSeveralDurableTopics(t *testing.T) {
	j := startJetStream(t)
	o := backbone.Options{Servers: []string{j.url()}, Durable: []backbone.Durable{{Prefix: "orders/"}, {Prefix: "trades/eur/"}}}
	a, b := newOffice(t), newOffice(t)
	o.Site = "a"
	atA := join(t, a, o)
	o.Site = "b"
	join(t, b, o)
	p := newPublisher(t, a, "pub")
	for i := range 500 {
		for _, topic := range []string{"orders/x", "orders/xy/1", "orders/y", "trades/eur/1", "trades/eur/2"} {
			require.NoError(t, p.Publish(topic, "", fmt.Append(nil, i)))
		}
	}
	eventually(t, "it is not stored", func() bool { return atA.Stats().DurableOut == 2500 })
	for prefixes, n := range map[string]int{"": 2500, "orders/x": 1000, "orders/x trades/eur/1": 1500, "trades/": 1000, "orders/x orders/xy/ orders/": 1500} {
		r, err := core.NewReceiver(get(t, b, "endpoint.out"), "late")
		require.NoError(t, err)
		set(t, r, "since", "all", "on_slow", "ignore")
		for _, topic := range strings.Fields(prefixes) {
			require.NoError(t, r.Subscribe(topic))
		}
		require.NoError(t, r.Start())
		inOrderByTopic(t, r, n)
		require.NoError(t, r.Close())
	}
	r := newReceiver(t, b, "other/", "since", "all")
	eventually(t, "it is not told that there is no history", func() bool {
		e, err := r.NextEvent(soon)
		return err == nil && e.Kind == "history"
	})
}

// TestHistoryOfASiteThatMayNotReceiveSomeTopics: of those it gives what it has sent itself.
func TestHistoryOfASiteThatMayNotReceiveSomeTopics(t *testing.T) {
	j := startJetStream(t)
	a, b := newOffice(t), newOffice(t)
	o := backbone.Options{Servers: []string{j.url()}, Durable: []backbone.Durable{{Prefix: "orders/"}, {Prefix: "trades/"}}}
	o.Site = "b"
	atB := join(t, b, o)
	o.Site, o.Import = "a", []string{"trades/"}
	atA := join(t, a, o)
	here, there := newPublisher(t, a, "pub"), newPublisher(t, b, "other")
	publish(t, there, "orders/other", 0, 10)
	publish(t, there, "trades/x", 0, 10)
	publish(t, here, "orders/x", 0, 10)
	eventually(t, "it is not stored", func() bool { return atB.Stats().DurableOut == 20 && atA.Stats().DurableOut == 10 })
	r := explain(t, newReceiver(t, a, "orders/", "since", "all", "on_slow", "ignore"))
	inOrder(t, collect(t, r, 10), 0)
	r = explain(t, newReceiver(t, a, "trades/x", "since", "all", "on_slow", "ignore"))
	inOrder(t, collect(t, r, 10), 0)
	require.Zero(t, a.Stats().HistoryIncomplete)
}

// TestHistoryOfTopicsThatMayNotLeaveIsToldToBeMissing: they never come to the stream.
func TestHistoryOfTopicsThatMayNotLeaveIsToldToBeMissing(t *testing.T) {
	j := startJetStream(t)
	a := newOffice(t)
	join(t, a, backbone.Options{Servers: []string{j.url()}, Site: "a", Durable: []backbone.Durable{{Prefix: "orders/"}}, Export: []string{"orders/public/"}})
	for _, topic := range []string{"orders/private", "orders/p"} {
		told := "it keeps no history of topics that begin with " + topic
		r := newReceiver(t, a, topic, "since", "all")
		if topic == "orders/p" { // some of them may
			told = ""
			require.NoError(t, r.Subscribe("orders/secret/"))
		}
		for end := time.Now().Add(soon); ; {
			e, err := r.NextEvent(time.Until(end))
			require.NoError(t, err)
			if e.Kind == "history" {
				require.Contains(t, e.Text, cmp.Or(told, "begin with orders/secret/"))
				break
			}
		}
	}
}

// TestHistoryHealsABreakDuringAnOutageOfNATS: a receiver whose connection breaks while its post office is
// cut off gets the rest when all is back.
func TestHistoryHealsABreakDuringAnOutageOfNATS(t *testing.T) {
	j := startJetStream(t)
	a, b := newOffice(t), newOffice(t)
	atA, atB := join(t, a, orders("a", j.url())), join(t, b, orders("b", j.url()))
	positioned(t, atA, atB, a)
	way := testkit.NewRelay(t, get(t, b, "endpoint.out"))
	r, err := core.NewReceiver(way.Address(), "rec")
	require.NoError(t, err)
	set(t, r, "since", "all", "on_slow", "ignore", "reconnect.min", "1ms", "reconnect.max", "10ms")
	require.NoError(t, r.Subscribe("orders/x"))
	require.NoError(t, r.Start())
	t.Cleanup(func() { _ = r.Close() })
	explain(t, r)
	p := newPublisher(t, a, "pub")
	publish(t, p, "orders/x", 0, 1000)
	inOrder(t, collect(t, r, 1000), 0)
	j.stop()
	eventually(t, "the outage is not noticed", func() bool { return !atA.Stats().Connected && !atB.Stats().Connected })
	publish(t, p, "orders/x", 1000, 2000)
	way.Cut()
	eventually(t, "the break is not noticed", func() bool { return len(b.Stats().Subscribers) == 0 })
	j.start()
	way.Restore()
	inOrder(t, collect(t, r, 1000), 1000)
	nothing(t, r)
	lossless(t, r)
}

func TestWithoutNATSAReceiverIsToldThatHistoryIsMissing(t *testing.T) {
	j := startJetStream(t)
	a := newOffice(t)
	atA := join(t, a, orders("a", j.url()))
	p := newPublisher(t, a, "pub")
	publish(t, p, "orders/x", 0, 10)
	eventually(t, "it is not stored", func() bool { return atA.Stats().DurableOut == 10 })
	j.stop()
	eventually(t, "the outage is not noticed", func() bool { return !atA.Stats().Connected })
	r := newReceiver(t, a, "orders/", "since", "all")
	for end := time.Now().Add(soon); ; {
		e, err := r.NextEvent(time.Until(end))
		require.NoError(t, err)
		if e.Kind == "history" {
			require.Contains(t, e.Text, "not all history can be read: its post office is not connected to NATS")
			break
		}
	}
	publish(t, p, "orders/x", 10, 20)
	inOrder(t, collect(t, r, 10), 10)
	require.EqualValues(t, 1, a.Stats().HistoryIncomplete)
}
