package backbone_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// traffic is a publisher and a receiver at each of three sites, of which the last one reaches NATS through a proxy. Every
// receiver wants the topics of all, in its own way.
type traffic struct {
	t          testing.TB
	sites      []site
	proxy      *tcpProxy
	publishers []*core.Publisher
	receivers  []*core.Receiver
	sent       [3]atomic.Int64
	stop       chan struct{}
	done       sync.WaitGroup
	got        [3]map[string]*stream // by origin
}

// stream is what a receiver has got of a publisher.
type stream struct{ count, last int }

func newTraffic(t testing.TB) *traffic {
	nats := natsServer(t, &server.Options{})
	proxy := newTCPProxy(t, nats.Addr().String())
	return trafficAt(t, proxy, nats.ClientURL(), nats.ClientURL(), proxy.url())
}

func trafficAt(t testing.TB, proxy *tcpProxy, urls ...string) *traffic {
	f := &traffic{t: t, stop: make(chan struct{}), proxy: proxy}
	for i, url := range urls {
		po := newOffice(t)
		f.sites = append(f.sites, site{po, join(t, po, backbone.Options{Servers: []string{url}, Site: fmt.Sprint("site", i)})})
	}
	acquainted(t, f.sites)
	for i, topic := range []string{"", "t/", "t/x"} {
		f.receivers = append(f.receivers, newReceiver(t, f.sites[i].office, topic, "queue.messages", "1000000"))
		f.got[i] = map[string]*stream{}
	}
	f.right()
	for i := range f.sites {
		f.publishers = append(f.publishers, newPublisher(t, f.sites[i].office, fmt.Sprint("pub", i)))
	}
	return f
}

// right waits until all sites know each other, and what the others want.
func (f *traffic) right() {
	f.t.Helper()
	acquainted(f.t, f.sites)
	for i := range f.sites {
		wanted(f.t, f.sites[i], 2)
	}
}

// begin publishes from now on.
func (f *traffic) begin() {
	for i, p := range f.publishers {
		f.done.Go(func() {
			for {
				select {
				case <-f.stop:
					return
				default:
				}
				f.publish(i, p)
				time.Sleep(time.Millisecond)
			}
		})
	}
}

func (f *traffic) publish(i int, p *core.Publisher) {
	if p.Publish("t/x", "", fmt.Append(nil, f.sent[i].Load())) == nil {
		f.sent[i].Add(1)
	}
}

// flows waits until every receiver has got what every publisher sends from now on.
func (f *traffic) flows() {
	f.t.Helper()
	var before [3]int64
	for i := range f.sent {
		before[i] = f.sent[i].Load()
	}
	for i := range f.receivers {
		eventually(f.t, fmt.Sprintf("receiver %d does not get everything again", i), func() bool {
			f.take(i)
			for j := range f.publishers {
				s := f.got[i][fmt.Sprint("pub", j)]
				if s == nil || int64(s.last) <= before[j]+10 {
					return false
				}
			}
			return true
		})
	}
}

// take takes what has come to a receiver, and demands that it is in order, and comes once.
func (f *traffic) take(i int) {
	f.t.Helper()
	for {
		e, err := f.receivers[i].Recv(0)
		if err != nil {
			require.Equal(f.t, core.ETIMEOUT, core.CodeOf(err))
			return
		}
		n := 0
		require.NoError(f.t, json.Unmarshal(e.Data, &n))
		s := f.got[i][e.Origin]
		if s == nil {
			s = &stream{last: -1}
			f.got[i][e.Origin] = s
		}
		require.Greater(f.t, n, s.last, "%s at receiver %d", e.Origin, i)
		s.count, s.last = s.count+1, n
	}
}

// settle ends the traffic with messages that certainly arrive, and compares all books.
func (f *traffic) settle() (lost [3]uint64) {
	f.t.Helper()
	f.flows()
	close(f.stop)
	f.done.Wait()
	for i, r := range f.receivers {
		total := 0
		for j := range f.publishers {
			total += int(f.sent[j].Load())
		}
		eventually(f.t, "the last messages do not arrive", func() bool {
			f.take(i)
			for j := range f.publishers {
				if int64(f.got[i][fmt.Sprint("pub", j)].last) != f.sent[j].Load()-1 {
					return false
				}
			}
			return true
		})
		count := 0
		for _, s := range f.got[i] {
			count += s.count
		}
		s := r.Stats()
		require.EqualValues(f.t, total, uint64(count)+s.Lost, "receiver %d: each message arrives or is counted as lost", i)
		require.Zero(f.t, s.Duplicates)
		nothing(f.t, r)
		lost[i] = s.Lost
	}
	for _, s := range f.sites {
		balanced(f.t, s.backbone, s.office)
	}
	return lost
}

// localIsWhole demands that what is published at a site has reached its own receiver.
func (f *traffic) localIsWhole() {
	for i := range f.sites {
		require.EqualValues(f.t, f.sent[i].Load(), f.got[i][fmt.Sprint("pub", i)].count, "site %d", i)
	}
}

func TestAfterACutAllIsRightAgain(t *testing.T) {
	f := newTraffic(t)
	f.begin()
	f.flows()
	for range 3 {
		f.proxy.refuse()
		nextEvent(t, f.sites[2].backbone, "backbone_disconnected")
		before := f.sites[2].backbone.Stats().DroppedDisconnected
		eventually(t, "what is dropped is not counted", func() bool { return f.sites[2].backbone.Stats().DroppedDisconnected > before })
		r := newReceiver(t, f.sites[2].office, "meanwhile")
		g := newReceiver(t, f.sites[0].office, "meanwhile")
		f.proxy.release()
		require.NoError(t, f.sites[2].backbone.WaitReady(soon))
		wanted(t, f.sites[1], 3)
		require.NoError(t, r.Close())
		require.NoError(t, g.Close())
		f.right()
		f.flows()
	}
	lost := f.settle()
	f.localIsWhole()
	for i := range lost {
		require.Positive(t, lost[i], "receiver %d", i)
	}
	require.EqualValues(t, 3, f.sites[2].backbone.Stats().Reconnects)
}

// TestAShortInterruptionLosesNothing: TCP delivers what has waited.
func TestAShortInterruptionLosesNothing(t *testing.T) {
	f := newTraffic(t)
	f.begin()
	f.flows()
	for range 5 {
		f.proxy.hold()
		before := f.sent[2].Load()
		eventually(t, "publishers are held back", func() bool { return f.sent[2].Load() > before+200 })
		f.proxy.release()
		f.flows()
	}
	require.Equal(t, [3]uint64{}, f.settle())
	for _, s := range f.sites {
		require.Zero(t, s.backbone.Stats().Duplicates)
	}
}

// TestAfterAPartitionAllIsRightAgain: it lasts until both sides have noticed. What has waited in the network arrives
// when it ends, at the same time as what is sent on the new connection.
func TestAfterAPartitionAllIsRightAgain(t *testing.T) {
	f := newTraffic(t)
	f.begin()
	f.flows()
	f.proxy.hold()
	for _, s := range f.sites[:2] {
		eventually(t, "the site is not gone", func() bool { return s.backbone.Stats().Sites == 1 })
		require.Equal(t, "backbone_site_gone", nextEvent(t, s.backbone, "backbone_site_gone").Kind)
	}
	nextEvent(t, f.sites[2].backbone, "backbone_disconnected")
	r := newReceiver(t, f.sites[1].office, "meanwhile")
	f.proxy.release()
	wanted(t, f.sites[2], 3)
	require.NoError(t, r.Close())
	f.right()
	f.flows()
	lost := f.settle()
	f.localIsWhole()
	for i := range lost {
		require.Positive(t, lost[i], "receiver %d", i)
	}
}

// TestAfterAPartitionOfTheServersAllIsRightAgain: the last site has a NATS server of its own, so it is connected all
// the time, and hears nothing of the others.
func TestAfterAPartitionOfTheServersAllIsRightAgain(t *testing.T) {
	cluster := server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoAdvertise: true}
	first := natsServer(t, &server.Options{ServerName: "first", Cluster: cluster})
	proxy := newTCPProxy(t, first.ClusterAddr().String())
	second := natsServer(t, &server.Options{ServerName: "second", Cluster: cluster, Routes: server.RoutesFromStr(proxy.url())})
	f := trafficAt(t, proxy, first.ClientURL(), first.ClientURL(), second.ClientURL())
	f.begin()
	f.flows()
	proxy.hold()
	for i, s := range f.sites {
		others := len(f.sites) - 2
		if i == 2 {
			others = 0
		}
		eventually(t, "the site is not gone", func() bool { return s.backbone.Stats().Sites == others })
	}
	before := f.sites[2].backbone.Stats().Unwanted
	eventually(t, "what is sent is wanted", func() bool { return f.sites[2].backbone.Stats().Unwanted > before })
	proxy.cut()
	proxy.release()
	f.right()
	f.flows()
	lost := f.settle()
	f.localIsWhole()
	for i, s := range f.sites {
		require.Positive(t, lost[i], "receiver %d", i)
		require.Zero(t, s.backbone.Stats().Reconnects)
	}
}
