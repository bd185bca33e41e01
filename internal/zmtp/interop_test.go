package zmtp

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// foreign is a socket of libzmq.
func foreign(t testing.TB, kind zmq.Type, setup ...func(*zmq.Socket) error) *zmq.Socket {
	t.Helper()
	s, err := zmq.NewSocket(kind)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.SetLinger(0))
	require.NoError(t, s.SetRcvtimeo(testkit.Soon))
	require.NoError(t, s.SetSndtimeo(testkit.Soon))
	require.NoError(t, s.SetIpv6(true))
	require.NoError(t, s.SetReconnectIvl(10*time.Millisecond))
	for _, f := range setup {
		require.NoError(t, f(s))
	}
	return s
}

func unlimited(s *zmq.Socket) error {
	if err := s.SetSndhwm(0); err != nil {
		return err
	}
	return s.SetRcvhwm(0)
}

// meeting is an address for one side to bind and the other to connect to.
type meeting struct {
	name, address string
	libzmqBinds   bool
}

func meetings(t *testing.T) (all []meeting) {
	dir := t.TempDir()
	for _, libzmqBinds := range []bool{false, true} {
		for transport, address := range map[string]string{
			"tcp": "tcp://127.0.0.1:*", "tcp6": "tcp://[::1]:*",
			"ipc": "ipc://" + dir + "/", "abstract": "ipc://@" + dir + "/",
		} {
			all = append(all, meeting{fmt.Sprintf("%s/libzmqBinds=%t", transport, libzmqBinds), address, libzmqBinds})
		}
	}
	return all
}

var names atomic.Int64 // libzmq takes its time to give a name free

// join brings a libzmq socket and ours together; open opens ours.
func (m meeting) join(t *testing.T, s *zmq.Socket, open func(option) carrierSocket) {
	if strings.HasSuffix(m.address, "/") {
		m.address += fmt.Sprint(names.Add(1))
	}
	if m.libzmqBinds {
		require.NoError(t, s.Bind(m.address))
		at, err := s.GetLastEndpoint()
		require.NoError(t, err)
		open(dial(at))
		return
	}
	ours := open(bind(m.address))
	require.NoError(t, s.Connect(ours.Endpoints()[0]))
}

type carrierSocket interface{ Endpoints() []string }

// TestToLibzmq: our outlet, every kind of subscriber of libzmq, both ways round.
func TestToLibzmq(t *testing.T) {
	const n = 3000
	for _, m := range meetings(t) {
		for _, kind := range []zmq.Type{zmq.SUB, zmq.XSUB} {
			for _, own := range []carrier.Type{carrier.PUB, carrier.XPUB} {
				t.Run(fmt.Sprintf("%s/%s/%s", m.name, kind, own), func(t *testing.T) {
					s := foreign(t, kind, unlimited)
					var o testOutlet
					m.join(t, s, func(where option) carrierSocket {
						o = newOutlet(t, carrier.Wait, 0, where, with(func(c *carrier.Config) { c.Type = own }))
						return o
					})
					require.NoError(t, subscribe(s, kind, "yes", true))
					testkit.Eventually(t, func() bool {
						_, err := s.GetEvents()
						require.NoError(t, err)
						return o.find(carrier.Subscribed, 0) != nil
					}, "subscribed")
					for at := 0; at < n; at += 100 {
						require.Equal(t, 100, o.Send(numbered("yes", at, at+100)).Sent)
						require.Equal(t, 3, o.Send(numbered("no", 0, 3)).Unwanted)
					}
					for i := range n {
						msg, err := s.RecvMessage(0)
						require.NoError(t, err)
						require.Equal(t, []string{fmt.Sprintf("yes/%d", i), "body"}, msg)
					}
					require.NoError(t, subscribe(s, kind, "yes", false))
					require.Equal(t, "yes", string(o.wait(t, carrier.Unsubscribed, 1).Prefix))
					require.Equal(t, "yes", string(o.find(carrier.Subscribed, 0).Prefix))
					require.Equal(t, kind.String(), o.Peers()[0].Type)
					require.NoError(t, s.Close())
					o.wait(t, carrier.Disconnected, 1)
				})
			}
		}
	}
}

func subscribe(s *zmq.Socket, kind zmq.Type, prefix string, on bool) error {
	switch {
	case kind == zmq.SUB && on:
		return s.SetSubscribe(prefix)
	case kind == zmq.SUB:
		return s.SetUnsubscribe(prefix)
	case on:
		_, err := s.Send("\x01"+prefix, 0)
		return err
	}
	_, err := s.Send("\x00"+prefix, 0)
	return err
}

// TestFromLibzmq: our inlet, every kind of publisher of libzmq, both ways round.
func TestFromLibzmq(t *testing.T) {
	const n = 3000
	for _, m := range meetings(t) {
		for _, kind := range []zmq.Type{zmq.PUB, zmq.XPUB} {
			for _, own := range []carrier.Type{carrier.SUB, carrier.XSUB} {
				t.Run(fmt.Sprintf("%s/%s/%s", m.name, kind, own), func(t *testing.T) {
					s := foreign(t, zmq.XPUB, unlimited)
					if kind == zmq.PUB {
						s = foreign(t, zmq.PUB, unlimited)
					}
					var i testInlet
					m.join(t, s, func(where option) carrierSocket {
						i = newInlet(t, own, []string{"yes"}, where)
						return i
					})
					if kind == zmq.XPUB {
						msg, err := s.RecvMessage(0)
						require.NoError(t, err)
						require.Equal(t, []string{"\x01yes"}, msg)
					} else { // a PUB does not tell what it is asked for
						waitForPub(t, s, i)
					}
					for k := range n {
						_, err := s.SendMessage(fmt.Sprintf("yes/%d", k), "body")
						require.NoError(t, err)
						_, err = s.SendMessage("no", "body")
						require.NoError(t, err)
					}
					testkit.Eventually(t, func() bool { return len(i.got()) > 0 && len(withoutProbes(i.got())) == n }, "all messages")
					requireNumbered(t, withoutProbes(i.got()), "yes", n)
					require.NoError(t, i.Unsubscribe([]byte("yes")))
					if kind == zmq.XPUB {
						msg, err := s.RecvMessage(0)
						require.NoError(t, err)
						require.Equal(t, []string{"\x00yes"}, msg)
					}
					require.Equal(t, kind.String(), i.Peers()[0].Type)
				})
			}
		}
	}
}

// waitForPub sends until something arrives.
func waitForPub(t *testing.T, s *zmq.Socket, i testInlet) {
	testkit.Eventually(t, func() bool {
		_, err := s.SendMessage("yes/probe")
		require.NoError(t, err)
		return i.len() > 0
	}, "a first message")
}

func withoutProbes(all [][]string) (rest [][]string) {
	for _, msg := range all {
		if msg[0] != "yes/probe" {
			rest = append(rest, msg)
		}
	}
	return rest
}

// TestLibzmqCountsAsWeDo pins down the facts that our counting rests on: libzmq
// sends every subscription and only the last cancellation, and its XPUB keeps a set
// for each peer.
func TestLibzmqCountsAsWeDo(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	sub := foreign(t, zmq.SUB)
	require.NoError(t, sub.Connect(o.address()))
	for range 3 {
		require.NoError(t, sub.SetSubscribe("a"))
	}
	o.wait(t, carrier.Subscribed, 1)
	for range 3 {
		require.NoError(t, sub.SetUnsubscribe("a"))
	}
	o.wait(t, carrier.Unsubscribed, 1)

	xpub := foreign(t, zmq.XPUB)
	require.NoError(t, xpub.Bind("tcp://127.0.0.1:*"))
	at, err := xpub.GetLastEndpoint()
	require.NoError(t, err)
	for _, minor := range []byte{0, 1} {
		p := connectRaw(t, at)
		p.shakeHands("SUB", minor)
		for _, on := range []bool{true, true, false} {
			p.send(appendSubscription(nil, minor, on, []byte{'a', minor}))
		}
		for _, want := range []string{"\x01a", "\x00a"} {
			msg, err := xpub.RecvMessage(0)
			require.NoError(t, err)
			require.Equal(t, []string{want + string(rune(minor))}, msg)
		}
	}
}

// TestLibzmqForms pins down which form of subscription libzmq sends to whom.
func TestLibzmqForms(t *testing.T) {
	for minor, want := range []string{"\x01a", "\x09SUBSCRIBEa"} {
		sub := foreign(t, zmq.SUB)
		require.NoError(t, sub.Bind("tcp://127.0.0.1:*"))
		at, err := sub.GetLastEndpoint()
		require.NoError(t, err)
		require.NoError(t, sub.SetSubscribe("a"))
		stop := keepUsing(sub)
		p := connectRaw(t, at)
		p.shakeHands("PUB", byte(minor)) // in which libzmq 4.3 announces 3.1
		flags, body := p.receiveFrame()
		stop()
		require.Equal(t, minor == 1, flags&batch.FlagCommand != 0)
		require.Equal(t, want, string(body))
	}
}

// keepUsing keeps a libzmq socket busy, until stopped: it sees new peers only while
// it is being used.
func keepUsing(s *zmq.Socket) (stop func()) {
	quit := make(chan struct{})
	var user sync.WaitGroup
	user.Go(func() {
		for {
			select {
			case <-quit:
				return
			case <-time.After(time.Millisecond):
				_, _ = s.GetEvents()
			}
		}
	})
	return func() {
		close(quit)
		user.Wait()
	}
}

func TestHeartbeatsWithLibzmq(t *testing.T) {
	fast := func(s *zmq.Socket) error {
		if err := s.SetHeartbeatIvl(5 * time.Millisecond); err != nil {
			return err
		}
		if err := s.SetHeartbeatTtl(3 * time.Second); err != nil {
			return err
		}
		return s.SetHeartbeatTimeout(3 * time.Second)
	}
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), beat(5*time.Millisecond, 3*time.Second))
	sub := foreign(t, zmq.SUB, fast)
	require.NoError(t, sub.Connect(o.address()))
	require.NoError(t, sub.SetSubscribe("a"))
	o.wait(t, carrier.Subscribed, 1)
	i := newInlet(t, carrier.SUB, []string{"a"}, bind("tcp://127.0.0.1:*"), beat(5*time.Millisecond, 3*time.Second))
	pub := foreign(t, zmq.XPUB, fast)
	require.NoError(t, pub.Connect(i.address()))
	_, err := pub.RecvMessage(0)
	require.NoError(t, err)
	body := string(make([]byte, 3000))
	for range 300 { // traffic with PINGs all over it
		o.Send(message("a", body, body))
		msg, err := sub.RecvMessage(0)
		require.NoError(t, err)
		require.Equal(t, []string{"a", body, body}, msg)
		_, err = pub.SendMessage("a", body, body)
		require.NoError(t, err)
	}
	i.sink.wait(t, 300)
	require.Nil(t, o.find(carrier.Disconnected, 0), "%v", o.eventLog)
	require.Nil(t, i.eventLog.find(carrier.Disconnected, 0), "%v", i.eventLog)
}

func TestLibzmqRestarts(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{"b"}, bind("ipc://"+filepath.Join(t.TempDir(), "s")))
	for round := 1; round <= 3; round++ { // libzmq connects anew
		sub := foreign(t, zmq.SUB)
		require.NoError(t, sub.Connect(o.address()))
		require.NoError(t, sub.SetSubscribe("a"))
		pub := foreign(t, zmq.XPUB)
		require.NoError(t, pub.Connect(i.address()))
		_, err := pub.RecvMessage(0)
		require.NoError(t, err)
		o.wait(t, carrier.Subscribed, round)
		o.Send(message("a"))
		_, err = sub.RecvMessage(0)
		require.NoError(t, err)
		_, err = pub.SendMessage("b")
		require.NoError(t, err)
		i.sink.wait(t, round)
		require.NoError(t, sub.Close())
		require.NoError(t, pub.Close())
		o.wait(t, carrier.Unsubscribed, round)
		i.eventLog.wait(t, carrier.Disconnected, round)
	}
}

// TestWeRestart: ours goes and comes back, libzmq stays.
func TestWeRestart(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	at := o.address()
	sub := foreign(t, zmq.SUB)
	require.NoError(t, sub.Connect(at))
	require.NoError(t, sub.SetSubscribe("a"))
	require.NoError(t, sub.SetRcvtimeo(10*time.Millisecond))
	got, stop := make(chan struct{}, 10), make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { // a SUB says again what it wants only while it is being used
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := sub.RecvMessage(0); err == nil {
				got <- struct{}{}
			}
		}
	})
	defer reader.Wait()
	defer close(stop)
	for range 3 {
		o.wait(t, carrier.Subscribed, 1)
		require.Equal(t, 1, o.Send(message("a")).Sent)
		testkit.Receive(t, got, "what was sent")
		o.Close(time.Second)
		o = newOutlet(t, carrier.Drop, 0, bind(at))
	}
	o.wait(t, carrier.Subscribed, 1)
	o.Send(message("a"))
	testkit.Receive(t, got, "what was sent")
}

func TestBigAndManyFramesWithLibzmq(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"))
	sub := foreign(t, zmq.SUB, unlimited)
	require.NoError(t, sub.Connect(o.address()))
	require.NoError(t, sub.SetSubscribe(""))
	o.wait(t, carrier.Subscribed, 1)
	i := newInlet(t, carrier.SUB, []string{""}, bind("tcp://127.0.0.1:*"))
	pub := foreign(t, zmq.XPUB, unlimited)
	require.NoError(t, pub.Connect(i.address()))
	_, err := pub.RecvMessage(0)
	require.NoError(t, err)
	frames := []string{"", "x", string(make([]byte, 255)), string(make([]byte, 256)), string(make([]byte, 20<<20)), ""}
	for len(frames) < 500 {
		frames = append(frames, fmt.Sprint(len(frames)))
	}
	require.Equal(t, 1, o.Send(message(frames...)).Sent)
	msg, err := sub.RecvMessage(0)
	require.NoError(t, err)
	require.True(t, equal(frames, msg))
	_, err = pub.SendMessage(frames)
	require.NoError(t, err)
	i.sink.wait(t, 1)
	require.True(t, equal(frames, i.got()[0]))
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestRelayBetweenLibzmqPeers: unchanged programs on both sides of a relay of ours.
func TestRelayBetweenLibzmqPeers(t *testing.T) {
	const publishers, n = 2, 5000
	r := newRelay(t, "tcp://127.0.0.1:*", 1_000_000, 0)
	sub := foreign(t, zmq.SUB, unlimited)
	require.NoError(t, sub.Connect(r.out.Endpoints()[0]))
	require.NoError(t, sub.SetSubscribe("t"))
	var all sync.WaitGroup
	for p := range publishers {
		pub := foreign(t, zmq.XPUB, unlimited)
		require.NoError(t, pub.Connect(r.in.Endpoints()[0]))
		all.Go(func() {
			if msg, err := pub.RecvMessage(0); err != nil || msg[0] != "\x01t" {
				t.Errorf("%q, %v", msg, err)
			}
			for k := range n {
				if _, err := pub.SendMessage("t", fmt.Sprint(p), fmt.Sprint(k)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := map[string]int{}
	for range publishers * n {
		msg, err := sub.RecvMessage(0)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(next[msg[1]]), msg[2])
		next[msg[1]]++
	}
	testkit.Wait(t, &all, "publishers")
	require.Len(t, next, publishers)
}

// TestSameAsLibzmq is the differential test: the same traffic through a proxy of
// libzmq's own and through a relay of ours, and the same comes out.
func TestSameAsLibzmq(t *testing.T) {
	r := newRelay(t, "ipc://*", 1_000_000, 0)
	front := foreign(t, zmq.XSUB, unlimited)
	back := foreign(t, zmq.XPUB, unlimited)
	require.NoError(t, front.Bind("tcp://127.0.0.1:*"))
	require.NoError(t, back.Bind("tcp://127.0.0.1:*"))
	in, _ := front.GetLastEndpoint()
	out, _ := back.GetLastEndpoint()
	stop := foreign(t, zmq.PAIR)
	stopped := foreign(t, zmq.PAIR)
	require.NoError(t, stopped.Bind("inproc://stop-"+t.Name()))
	require.NoError(t, stop.Connect("inproc://stop-"+t.Name()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = zmq.ProxySteerable(front, back, nil, stopped)
	}()
	defer func() {
		_, _ = stop.Send("TERMINATE", 0)
		<-done
	}()
	ours := through(t, r.in.Endpoints()[0], r.out.Endpoints()[0])
	theirs := through(t, in, out)
	require.Equal(t, theirs, ours)
	require.NotEmpty(t, ours[0])
}

// through sends fixed traffic through a proxy and returns what each of several
// subscribers gets.
func through(t *testing.T, in, out string) [][][]string {
	var subs []testInlet
	for _, prefixes := range [][]string{{""}, {"a"}, {"a", "ab"}, {"b", "c/"}, {"c/1", "c/2", "c/2"}} {
		subs = append(subs, newInlet(t, carrier.SUB, append(prefixes, "end"), dial(out)))
	}
	o := newOutlet(t, carrier.Wait, 0, dial(in))
	testkit.Eventually(t, func() bool { return o.Send(message("end", "probe")).Sent == 1 && heardAll(subs, "probe") }, "all subscribed")
	b := &batch.Batch{}
	for i := range 500 {
		for _, topic := range []string{"a", "ab", "abc", "b", "c", "c/", fmt.Sprint("c/", i%4), ""} {
			b.AppendFrame([]byte(topic), true)
			b.AppendFrame(fmt.Append(nil, i), false)
		}
	}
	o.Send(b)
	o.Send(message("end", "of it"))
	testkit.Eventually(t, func() bool { return heardAll(subs, "of it") }, "all ended")
	var all [][][]string
	for _, s := range subs {
		var got [][]string
		for _, msg := range s.got() {
			if msg[1] != "probe" {
				got = append(got, msg)
			}
		}
		all = append(all, got)
	}
	return all
}

func heardAll(subs []testInlet, what string) bool {
	for _, s := range subs {
		heard := false
		for _, msg := range s.got() {
			heard = heard || msg[1] == what
		}
		if !heard {
			return false
		}
	}
	return true
}
