package zmtp

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/policy"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// retaining is an outlet that retains.
func retaining(t testing.TB, bounds carrier.Retain, options ...option) testOutlet {
	t.Helper()
	o := testOutlet{eventLog: &eventLog{}}
	out, err := Opener{}.OpenOutlet(carrier.OutletConfig{
		Config: config(carrier.PUB, append([]option{events(o.eventLog)}, options...)), Overflow: carrier.Wait, Retain: bounds})
	require.NoError(t, err)
	o.outlet = out.(*outlet)
	t.Cleanup(func() { out.Close(0) })
	return o
}

var plenty = carrier.Retain{Messages: 1000, Bytes: 1 << 20}

// storing is an inlet that asks its peers to retain topics that begin with "d/.
func storing(t testing.TB, at string, options ...option) testInlet {
	t.Helper()
	i := testInlet{eventLog: &eventLog{}, sink: &sink{keep: true}}
	in, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.XSUB, append([]option{events(i.eventLog), bind(at)}, options...)),
		Deliver: i.sink.deliver, Durable: [][]byte{[]byte(`"d/`)}})
	require.NoError(t, err)
	i.inlet = in.(*inlet)
	require.NoError(t, in.Subscribe(nil))
	t.Cleanup(in.Close)
	return i
}

// alternating is a batch of envelopes of the topics "d/1", which is durable, and "p" by turns, with data
// from ... up to below to.
func alternating(from, to int) *batch.Batch {
	b := batch.Get()
	for i := from; i < to; i++ {
		b.AppendFrame([]byte([]string{`"d/1"`, `"p"`}[i%2]), true)
		b.AppendFrame([]byte(`"origin"`), true)
		b.AppendFrame(fmt.Append(nil, i), true)
		b.AppendFrame([]byte("1700000000.123456"), false)
	}
	return b
}

// contents are the data of messages, those with a mark of a cache in brackets.
func contents(messages [][]string) (all []string) {
	for _, m := range messages {
		if strings.HasSuffix(m[3], "\r\r\r\r") {
			all = append(all, "("+m[2]+")")
		} else {
			all = append(all, m[2])
		}
	}
	return all
}

func confirmAll(i testInlet, n uint64) {
	due := map[uint64]uint64{}
	for _, p := range i.Peers() {
		due[p.ID] = n
	}
	i.Confirm(due)
}

func TestWhatIsNotConfirmedIsSentAgainBeforeAnythingElse(t *testing.T) {
	ca := testkit.NewAuthority(t)
	keys := newCurveKeys(t)
	for _, c := range []struct {
		name           string
		at             string
		server, client option
	}{
		{"plain", "tcp://127.0.0.1:*", func(*carrier.Config) {}, func(*carrier.Config) {}},
		{"CURVE", "tcp://127.0.0.1:*", keys.asServer(t, "any"), keys.asClient()},
		{"TLS", "tls://127.0.0.1:*", withTLS(t, mutual(ca, "server")), withTLS(t, mutual(ca, "client"))},
		{"within the process", "inproc://confirmed", func(*carrier.Config) {}, func(*carrier.Config) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := storing(t, c.at, c.server)
			o := retaining(t, plenty, dial(first.address()), c.client)
			o.wait(t, carrier.Subscribed, 1)
			require.Less(t, firstOf(o.all(), carrier.Confirms), firstOf(o.all(), carrier.Subscribed), "nothing is sent before")
			require.Equal(t, 10, o.Send(alternating(0, 10)).Sent)
			require.Equal(t, 10, o.Send(alternating(10, 20)).Sent)
			first.sink.wait(t, 20)
			require.EqualValues(t, 10, o.Retention().Messages, "the durable ones")
			confirmAll(first, 5)
			confirmAll(first, 10)
			testkit.Eventually(t, func() bool { return o.Retention().Messages == 5 }, "the first batch is not confirmed")

			at := first.address()
			first.Close()
			o.wait(t, carrier.Disconnected, 1)
			require.EqualValues(t, 5, o.Retention().Messages)
			again := storing(t, at, c.server)
			o.wait(t, carrier.Subscribed, 2)
			o.Send(alternating(20, 22))
			again.sink.wait(t, 7)
			require.Equal(t, []string{"(10)", "(12)", "(14)", "(16)", "(18)", "20", "21"}, contents(again.got()))
			require.Equal(t, carrier.Retention{Messages: 6, Bytes: o.Retention().Bytes, Resent: 5}, o.Retention())
			require.Positive(t, o.Retention().Bytes)
			confirmed := o.Confirmed()
			confirmAll(again, 7)
			testkit.Receive(t, confirmed, "the confirmation")
			require.Equal(t, carrier.Retention{Resent: 5}, o.Retention())
			testkit.Receive(t, o.Confirmed(), "that nothing is retained")
		})
	}
}

// firstOf is where the first event of a kind is, or -1.
func firstOf(all []carrier.Event, kind carrier.EventKind) int {
	for i, e := range all {
		if e.Kind == kind {
			return i
		}
	}
	return -1
}

func TestAnOutletThatIsGivenUpTellsHowMuchWasNotConfirmed(t *testing.T) {
	i := storing(t, "tcp://127.0.0.1:*")
	o := retaining(t, plenty, dial(i.address()))
	o.wait(t, carrier.Subscribed, 1)
	o.Send(alternating(0, 10))
	i.sink.wait(t, 10)
	require.Zero(t, o.Close(testkit.Soon))
	require.Equal(t, 5, o.GiveUp())
	require.Zero(t, o.GiveUp())
}

func TestAPeerThatConfirmsTooLittleHasNoRoom(t *testing.T) {
	i := storing(t, "tcp://127.0.0.1:*")
	o := retaining(t, carrier.Retain{Messages: 10, Bytes: 1 << 20}, dial(i.address()))
	o.wait(t, carrier.Subscribed, 1)
	o.Send(alternating(0, 20))
	i.sink.wait(t, 20)
	testkit.Eventually(t, func() bool { return o.Peers()[0].QueueMessages == 0 }, "it is not written")
	require.True(t, o.Retention().Full)
	require.False(t, o.Idle(), "a caller would wait")
	sent := make(chan carrier.Tally)
	go func() { sent <- o.Send(alternating(20, 30)) }()
	testkit.Eventually(t, func() bool { return waiting(o.outlet) }, "Send does not wait")
	confirmAll(i, 20)
	require.Equal(t, 10, testkit.Receive(t, sent, "the end of Send").Sent)
	i.sink.wait(t, 30)
	require.False(t, o.Retention().Full)
}

// waiting reports whether a Send waits for room.
func waiting(o *outlet) bool {
	for _, c := range *o.peers.Load() {
		c.out.mu.Lock()
		n := c.out.waiting
		c.out.mu.Unlock()
		if n > 0 {
			return true
		}
	}
	return false
}

func TestWhatIsDurableMayChange(t *testing.T) {
	i := storing(t, "tcp://127.0.0.1:*")
	o := retaining(t, plenty, dial(i.address()))
	o.wait(t, carrier.Subscribed, 1)
	i.AskToRetain(nil)
	o.wait(t, carrier.ConfirmsNoMore, 1)
	o.Send(alternating(0, 10))
	require.Zero(t, o.Retention().Messages)
	i.AskToRetain([][]byte{[]byte(`"p`)})
	o.wait(t, carrier.Confirms, 2)
	i.AskToRetain([][]byte{[]byte(`"p`)}) // no change
	o.Send(alternating(10, 20))
	i.sink.wait(t, 20)
	require.EqualValues(t, 5, o.Retention().Messages)
	i.AskToRetain(nil)
	o.wait(t, carrier.ConfirmsNoMore, 2)
	confirmAll(i, 20) // of what is not retained for this peer any more
	i.AskToRetain([][]byte{[]byte(`"d/`)})
	o.wait(t, carrier.Confirms, 3)
	i.sink.wait(t, 25)
	require.Equal(t, []string{"(11)", "(13)", "(15)", "(17)", "(19)"}, contents(i.got())[20:], "what was not confirmed comes again")
	require.EqualValues(t, 5, o.Retention().Messages)
	confirmAll(i, 25)
	testkit.Receive(t, o.Confirmed(), "the confirmation")
}

// rawPublisher is a PUB whose bytes the test writes itself. What it has announced is confirm.
func rawPublisher(t testing.TB, at, confirm string) *rawPeer {
	t.Helper()
	r := connectRaw(t, at)
	r.send(greeting(1))
	r.receive(greetingSize)
	r.send(appendCommand(nil, cmdReady, properties{socketType: "PUB", hermes: "2", confirm: confirm}.encode()))
	r.receiveFrame()
	return r
}

func (r *rawPeer) receiveCommand() (name string, data []byte) {
	r.t.Helper()
	_, body := r.receiveFrame()
	name, data, err := parseCommand(body)
	require.NoError(r.t, err)
	return name, data
}

func TestOnlyPeersThatRetainAreToldWhatIsDurable(t *testing.T) {
	i := storing(t, "tcp://127.0.0.1:*")
	name, _ := rawPublisher(t, i.address(), "").receiveCommand()
	require.Equal(t, cmdSubscribe, name)
	r := rawPublisher(t, i.address(), "x")
	name, data := r.receiveCommand()
	require.Equal(t, cmdDurable, name)
	require.Equal(t, "\x00\x00\x00\x03\"d/", string(data))
	name, _ = r.receiveCommand()
	require.Equal(t, cmdSubscribe, name)
	confirmAll(i, 258)
	name, data = r.receiveCommand()
	require.Equal(t, cmdConfirm, name)
	require.Equal(t, "\x00\x00\x00\x00\x00\x00\x01\x02", string(data))
}

// TestAFormerConnectionIsReadFirst: its publisher sends again what it does not know to have arrived.
func TestAFormerConnectionIsReadFirst(t *testing.T) {
	g := &gatedSink{sink: sink{keep: true}}
	in, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.XSUB, []option{bind("tcp://127.0.0.1:*")}), Deliver: g.deliver})
	require.NoError(t, err)
	t.Cleanup(in.Close)
	t.Cleanup(g.open)
	g.close()
	at := in.Endpoints()[0]
	old := rawPublisher(t, at, "x")
	old.send(numbered("old", 0, 1).Buf)
	testkit.Eventually(t, func() bool { return receivedFrom(in, 1) == 1 }, "nothing arrives")
	old.send(numbered("old", 1, 10).Buf)
	again, other := rawPublisher(t, at, "x"), rawPublisher(t, at, "y")
	again.send(numbered("new", 0, 10).Buf)
	other.send(numbered("other", 0, 1).Buf)
	testkit.Eventually(t, func() bool { return receivedFrom(in, 3) == 1 }, "another publisher waits")
	require.Zero(t, receivedFrom(in, 2))
	g.open()
	g.sink.wait(t, 21)
	var got [][]string
	for _, m := range g.got() {
		if !strings.HasPrefix(m[0], "other") {
			got = append(got, m)
		}
	}
	requireNumbered(t, got[:10], "old", 10)
	requireNumbered(t, got[10:], "new", 10)
	old.requireHungUp()
}

// TestAStrangerDoesNotTakeThePlaceOfAPublisher: it has the value of the publisher, and no more.
func TestAStrangerDoesNotTakeThePlaceOfAPublisher(t *testing.T) {
	peer := func(value, address string, id policy.Identity, local peerCredentials) *conn {
		return &conn{peer: properties{confirm: value}, identity: id, remoteEnd: remoteEnd{address: address, peerCredentials: local}}
	}
	key, nothing, remote := policy.Identity{Key: "k"}, policy.Identity{}, peerCredentials{}
	certificate := policy.Identity{Fingerprint: "sha256:1"}
	for _, c := range []struct {
		name string
		a, b *conn
		same bool
	}{
		{"a new port", peer("x", "tcp://10.0.0.1:1", nothing, remote), peer("x", "tcp://10.0.0.1:2", nothing, remote), true},
		{"IPv6", peer("x", "tcp://[::1]:1", nothing, remote), peer("x", "tcp://[::1]:2", nothing, remote), true},
		{"another host", peer("x", "tcp://10.0.0.1:1", nothing, remote), peer("x", "tcp://10.0.0.2:1", nothing, remote), false},
		{"another value", peer("x", "tcp://10.0.0.1:1", nothing, remote), peer("y", "tcp://10.0.0.1:1", nothing, remote), false},
		{"the key from another host", peer("x", "tcp://10.0.0.1:1", key, remote), peer("x", "tcp://10.0.0.2:1", key, remote), true},
		{"another key", peer("x", "tcp://10.0.0.1:1", key, remote), peer("x", "tcp://10.0.0.1:2", policy.Identity{Key: "l"}, remote), false},
		{"no key", peer("x", "tcp://10.0.0.1:1", key, remote), peer("x", "tcp://10.0.0.1:2", nothing, remote), false},
		{"another certificate", peer("x", "tls://10.0.0.1:1", certificate, remote), peer("x", "tls://10.0.0.1:2", policy.Identity{Fingerprint: "sha256:2"}, remote), false},
		{"the same user", peer("x", "ipc:///s", nothing, peerCredentials{true, 1, 1}), peer("x", "ipc:///s", nothing, peerCredentials{true, 1, 1}), true},
		{"another user", peer("x", "ipc:///s", nothing, peerCredentials{true, 1, 1}), peer("x", "ipc:///s", nothing, peerCredentials{true, 2, 1}), false},
	} {
		require.Equal(t, c.same, samePublisher(c.a, c.b), c.name)
		require.Equal(t, c.same, samePublisher(c.b, c.a), c.name)
	}
}

func TestTheNameOfAPublisherDiffersByAddress(t *testing.T) {
	var one, other retention
	one.init(plenty)
	other.init(plenty)
	at := func(address string) *conn { return &conn{remoteEnd: remoteEnd{at: address}} }
	name := one.name(at("tcp://a:1"))
	require.Len(t, name, maxOffice, "more is cut off")
	require.Equal(t, name, one.name(at("tcp://a:1")))
	require.NotEqual(t, name, one.name(at("tcp://b:1")))
	require.NotEqual(t, name, other.name(at("tcp://a:1")))
}

// receivedFrom is how many messages have come over a connection.
func receivedFrom(i carrier.Inlet, id uint64) uint64 {
	for _, p := range i.Peers() {
		if p.ID == id {
			return p.Received
		}
	}
	return 0
}

func TestAPeerThatRetainsIsReportedWithWhatItHasSent(t *testing.T) {
	type delivery struct {
		received uint64
		retains  bool
		messages int
	}
	got := make(chan delivery, 10)
	in, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.XSUB, []option{bind("tcp://127.0.0.1:*")}),
		DeliverFrom: func(s *flow.Source, b *batch.Batch) { got <- delivery{s.Received, s.Retains.Load(), b.Len()} }, Durable: [][]byte{nil}})
	require.NoError(t, err)
	t.Cleanup(in.Close)
	r := rawPublisher(t, in.Endpoints()[0], "x")
	r.send(numbered("a", 0, 3).Buf)
	require.Equal(t, delivery{3, true, 3}, testkit.Receive(t, got, "a batch"))
	r.send(numbered("a", 3, 5).Buf)
	require.Equal(t, delivery{5, true, 2}, testkit.Receive(t, got, "a batch"))
}

// driven is an outlet that retains, with a peer that has no connection and reads what is queued for it.
func driven(bounds carrier.Retain) (*outlet, *conn) {
	o, c, _ := newOutletWithPeer(carrier.Limits{Subscriptions: 10, SubscriptionBytes: 100})
	o.retention.init(bounds)
	c.out.init(nil, 1000, 1<<20)
	c.out.dead, c.out.writing = false, true // nothing is written
	return o, c
}

// TestWhatIsConfirmedIsNotLostWithTheConnection: a peer may confirm what has reached it while the write that
// brought it is not accounted for yet.
func TestWhatIsConfirmedIsNotLostWithTheConnection(t *testing.T) {
	for _, confirmed := range []int{0, 1, 4, 6} {
		o, c := driven(plenty)
		_, err := o.command(c, cmdDurable, []byte("\x00\x00\x00\x03\"d/"))
		require.NoError(t, err)
		c.out.mu.Lock()
		f := &fanOut{b: alternating(0, 6), wait: true, outcomes: make([]outcome, 6)}
		f.queueWhatFits(c, 0, 6)
		c.out.mu.Unlock()
		retained := int(o.retention.messages.Load())
		require.Equal(t, 3, retained)
		_, err = o.command(c, cmdConfirm, binary.BigEndian.AppendUint64(nil, uint64(confirmed)))
		require.NoError(t, err)
		require.Equal(t, 6-confirmed-int(o.retention.messages.Load()), c.out.kill(), confirmed)
	}
}

func TestMalformedCommandsOfConfirmationEndTheConnection(t *testing.T) {
	prefix := func(size uint32, text string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, size), text...)
	}
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{cmdConfirm, "malformed HERMES-CONFIRM", nil},
		{cmdConfirm, "malformed HERMES-CONFIRM", make([]byte, 7)},
		{cmdConfirm, "confirmed 1 messages of 0", binary.BigEndian.AppendUint64(nil, 1)},
		{cmdDurable, "malformed HERMES-DURABLE", []byte{0, 0, 0}},
		{cmdDurable, "malformed HERMES-DURABLE", prefix(3, "ab")},
		{cmdDurable, "limit.subscriptions.bytes", prefix(101, strings.Repeat("a", 101))},
		{cmdDurable, "limit.subscriptions", []byte(strings.Repeat("\x00\x00\x00\x00", 11))},
	} {
		o, p := driven(plenty)
		known, err := o.command(p, c.name, c.data)
		require.True(t, known)
		require.ErrorContains(t, err, c.want)
	}
	o, p := driven(carrier.Retain{})
	known, err := o.command(p, cmdConfirm, nil)
	require.False(t, known, "one that retains nothing does not know it")
	require.NoError(t, err)
}

// TestAPeerThatAsksAgainAndDoesNotReadIsDisconnected: it would fill the memory with copies.
func TestAPeerThatAsksAgainAndDoesNotReadIsDisconnected(t *testing.T) {
	bounds := carrier.Retain{Messages: 100, Bytes: 10_000}
	o, c := driven(bounds)
	c.out.maxBytes = 10_000
	ask := func() error {
		_, err := o.command(c, cmdDurable, []byte{0, 0, 0, 0})
		return err
	}
	require.NoError(t, ask())
	b := alternating(0, 90)
	c.out.mu.Lock()
	f := &fanOut{b: b, wait: true, outcomes: make([]outcome, 90)}
	f.queueWhatFits(c, 0, 90)
	c.out.mu.Unlock()
	require.NoError(t, ask(), "a post office may join a backbone again")
	var err error
	for n := 0; err == nil; n++ {
		require.Less(t, n, 100)
		err = ask()
		require.LessOrEqual(t, c.out.bytes, c.out.maxBytes+4*bounds.Bytes+int64(b.Size()))
	}
	require.ErrorIs(t, err, errAsksAgain)
	require.EqualValues(t, 90, o.retention.messages.Load(), "nothing is forgotten")
}

// FuzzConfirm compares what is retained with a plain list, whatever a peer confirms, and however often it
// changes its mind.
func FuzzConfirm(f *testing.F) {
	frame := func(n uint64) []byte { return appendConfirm(nil, n) }
	f.Add(append(appendDurable(nil, [][]byte{[]byte(`"d/`)}), frame(4)...), uint8(6))
	f.Add(append(appendDurable(nil, [][]byte{nil}), append(frame(3), frame(2)...)...), uint8(2))
	f.Add(append(appendDurable(nil, [][]byte{[]byte(`"p"`)}), append(appendDurable(nil, nil), appendDurable(nil, [][]byte{nil})...)...), uint8(5))
	f.Add(frame(1<<63), uint8(1))
	f.Add([]byte("\x04\x0f\x0eHERMES-CONFIRM"), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, each uint8) {
		o, c := driven(plenty)
		sent := uint64(0)
		u := subscriptionReader{limit: 1000, subscribe: func(bool, []byte) error { return nil }}
		u.command = func(name string, data []byte) (bool, error) {
			known, err := o.command(c, name, data)
			if n := c.out.sent + uint64(c.out.messages); err == nil && name == cmdConfirm {
				require.LessOrEqual(t, binary.BigEndian.Uint64(data), n)
				sent = max(sent, binary.BigEndian.Uint64(data))
			}
			if n := int(each % 10); n > 0 && c.out.messages < 500 {
				c.out.mu.Lock()
				f := &fanOut{b: alternating(0, n), wait: true, outcomes: make([]outcome, n)}
				f.queueWhatFits(c, 0, n)
				c.out.mu.Unlock()
			}
			return known, err
		}
		_ = feedSubscriptions(&u, stream, max(len(stream), 1))
		total, left := 0, 0
		if r := c.out.retained; r != nil {
			for _, run := range r.runs[r.head:] {
				require.Greater(t, run.last, uint64(0))
				total += run.messages
			}
			require.Equal(t, r.queue.messages, total)
			require.Equal(t, total, r.behind(0))
			require.LessOrEqual(t, uint64(r.behind(sent)), c.out.sent+uint64(c.out.messages)-sent)
		}
		for _, l := range o.retention.left {
			for _, r := range l {
				left += r.queue.messages
			}
		}
		require.EqualValues(t, total+left, o.retention.messages.Load())
		o.retention.keep(c)
		require.Equal(t, total+left, o.GiveUp())
		require.Equal(t, [2]int64{}, [2]int64{o.retention.messages.Load(), o.retention.bytes.Load()})
	})
}
