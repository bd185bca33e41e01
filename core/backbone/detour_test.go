package backbone_test

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// TestAPostOfficeBetweenTwoSitesKeepsItsOwnPublishers: b follows p, which is no site and follows a. What publishers of
// p send comes this way only, and what those of a send comes over the backbone as well.
func TestAPostOfficeBetweenTwoSitesKeepsItsOwnPublishers(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	a := follow(t, url, "a")
	p := follow(t, "", "", get(t, a.office, "endpoint.out"))
	b, c := follow(t, url, "b", get(t, p.office, "endpoint.out")), follow(t, url, "c")
	all := []site{a, b, c}
	acquainted(t, all)
	receivers := []*core.Receiver{newReceiver(t, a.office, "t"), newReceiver(t, b.office, "t"), newReceiver(t, c.office, "t")}
	for _, s := range all {
		wanted(t, s, 1)
	}
	for _, f := range []struct {
		at            site
		subscriptions int
	}{{a, 2}, {p, 1}} {
		eventually(t, "it is not followed", func() bool {
			subscribed := 0
			for _, s := range f.at.office.Stats().Subscribers {
				subscribed += s.Subscriptions
			}
			return subscribed == f.subscriptions
		})
	}
	newReceiver(t, a.office, "probe")
	wanted(t, b, 2)
	q := newPublisher(t, a.office, "probe")
	eventually(t, "a does not know that what it sends may return", func() bool {
		publish(t, q, "probe", 0, 1)
		return a.backbone.Stats().DroppedRedundant > 0
	})
	const n = 3000
	atA, atP := newPublisher(t, a.office, "a"), newPublisher(t, p.office, "p")
	for _, p := range []*core.Publisher{atA, atP} {
		eventually(t, "a publisher has not heard of all subscriptions", func() bool {
			s := p.Stats()
			return len(s.Peers) == 1 && s.Peers[0].Subscriptions == 2
		})
	}
	for i := range n {
		publish(t, atA, "t", i, i+1)
		publish(t, atP, "t", i, i+1)
	}
	for i, r := range receivers {
		of := map[string][]core.Envelope{}
		for _, e := range collect(t, r, 2*n) {
			of[e.Origin] = append(of[e.Origin], e)
		}
		inOrder(t, of["a"], 0)
		inOrder(t, of["p"], 0)
		require.Len(t, of["a"], n, "receiver %d", i)
		lossless(t, r)
		nothing(t, r)
	}
	for _, s := range all {
		balanced(t, s.backbone, s.office)
	}
}
