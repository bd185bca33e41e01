package backbone_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
	"github.com/hermes-zmq/hermes/internal/libzmq"
)

// soon bounds every wait; none takes so long unless it hangs.
const soon = 2 * time.Minute

// engines are the carriers that this build has.
func engines() []string {
	if libzmq.Built {
		return []string{"zmtp", "libzmq"}
	}
	return []string{"zmtp"}
}

// newOffice starts a post office.
func newOffice(t testing.TB, pairs ...string) *core.PostOffice {
	t.Helper()
	return officeAt(t, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", pairs...)
}

func officeAt(t testing.TB, in, out string, pairs ...string) *core.PostOffice {
	t.Helper()
	po, err := core.NewPostOffice(in, out, "")
	require.NoError(t, err)
	set(t, po, pairs...)
	require.NoError(t, po.Start())
	t.Cleanup(func() { _ = po.Close() })
	return po
}

func set(t testing.TB, c core.Component, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(t, c.Set(pairs[i], pairs[i+1]))
	}
}

func get(t testing.TB, c core.Component, key string) string {
	t.Helper()
	v, err := c.Get(key)
	require.NoError(t, err)
	return v
}

// join joins a post office until the end of the test.
func join(t testing.TB, po *core.PostOffice, o backbone.Options) *backbone.Backbone {
	t.Helper()
	b, err := backbone.Join(po, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	require.NoError(t, b.WaitReady(soon))
	return b
}

// newPublisher starts a publisher at a post office, which holds back until there is a subscription.
func newPublisher(t testing.TB, po *core.PostOffice, name string, pairs ...string) *core.Publisher {
	t.Helper()
	p, err := core.NewPublisher(get(t, po, "endpoint.in"), name)
	require.NoError(t, err)
	set(t, p, append([]string{"ready.hold", soon.String()}, pairs...)...)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// newReceiver starts a receiver at a post office, with a topic prefix.
func newReceiver(t testing.TB, po *core.PostOffice, topic string, pairs ...string) *core.Receiver {
	t.Helper()
	r, err := core.NewReceiver(get(t, po, "endpoint.out"), "rec")
	require.NoError(t, err)
	set(t, r, append([]string{"on_slow", "ignore"}, pairs...)...)
	if topic != "" {
		require.NoError(t, r.Subscribe(topic))
	}
	require.NoError(t, r.Start())
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// collect receives n envelopes.
func collect(t testing.TB, r *core.Receiver, n int) (out []core.Envelope) {
	t.Helper()
	end := time.Now().Add(soon)
	for len(out) < n {
		e, err := r.Recv(time.Until(end))
		require.NoError(t, err, "after %d of %d envelopes", len(out), n)
		out = append(out, e)
	}
	return out
}

// nothing demands that no envelope waits at a receiver.
func nothing(t testing.TB, r *core.Receiver) {
	t.Helper()
	e, err := r.Recv(0)
	require.Equal(t, core.ETIMEOUT, core.CodeOf(err), "%v", e)
}

// publish publishes data from ... up to below to.
func publish(t testing.TB, p *core.Publisher, topic string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		require.NoError(t, p.Publish(topic, "", fmt.Append(nil, i)))
	}
}

// inOrder demands data from ... on.
func inOrder(t testing.TB, envelopes []core.Envelope, from int) {
	t.Helper()
	for i, e := range envelopes {
		require.Equal(t, fmt.Sprint(from+i), string(e.Data), "envelope %d", i)
	}
}

// lossless demands that a receiver has missed nothing, and had nothing twice.
func lossless(t testing.TB, r *core.Receiver) {
	t.Helper()
	s := r.Stats()
	require.Equal(t, [2]uint64{}, [2]uint64{s.Lost, s.Duplicates})
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !ok(); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), what)
	}
}

// balanced demands that the books of post offices and their backbones add up, once nothing waits.
func balanced(t testing.TB, b *backbone.Backbone, po *core.PostOffice) backbone.Stats {
	t.Helper()
	eventually(t, "something still waits", func() bool {
		s := b.Stats()
		return s.WaitingMessages == 0 && s.WaitingIn == 0
	})
	s := b.Stats()
	require.Equal(t, s.Given, s.OutMessages+uint64(s.WaitingMessages)+s.Unwanted+s.DroppedQueueFull+s.DroppedDisconnected+
		s.DroppedTooLong+s.DroppedDenied+s.DroppedStopped, "%+v", s)
	require.Equal(t, s.Arrived, s.InMessages+uint64(s.WaitingIn)+s.Duplicates+s.DroppedDeniedIn+s.DroppedSlowMessages+
		s.DroppedRedundant+s.DroppedStoppedIn, "%+v", s)
	o := po.Stats()
	require.Equal(t, o.InMessages, o.OutMessages+o.Unwanted+o.Dropped, "%+v", o.PostOfficeCounters)
	return s
}

// site is a post office that has joined.
type site struct {
	office   *core.PostOffice
	backbone *backbone.Backbone
}

// sitesAt makes n sites at a NATS server.
func sitesAt(t testing.TB, url string, n int, pairs ...string) (all []site) {
	t.Helper()
	for i := range n {
		po := newOffice(t, pairs...)
		all = append(all, site{po, join(t, po, backbone.Options{Servers: []string{url}, Site: fmt.Sprintf("site%d", i)})})
	}
	acquainted(t, all)
	return all
}

// acquainted waits until sites know each other.
func acquainted(t testing.TB, all []site) {
	t.Helper()
	for _, s := range all {
		eventually(t, "a site is not heard of", func() bool { return s.backbone.Stats().Sites == len(all)-1 })
	}
}

// wanted waits until a site knows of n prefixes that others want.
func wanted(t testing.TB, s site, n int) {
	t.Helper()
	eventually(t, "what others want is not heard of", func() bool { return s.backbone.Stats().InterestRemote == n })
}
