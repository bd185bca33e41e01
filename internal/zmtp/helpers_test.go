package zmtp

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// tick is an envelope of the usual kind: four frames, about 75 bytes with framing.
func tick(b *batch.Batch, topic string) {
	b.AppendFrame([]byte(topic), true)
	b.AppendFrame([]byte(`"bench"`), true)
	b.AppendFrame([]byte(`["aapl",187.23,100,"Q",1]`), true)
	b.AppendFrame([]byte(`1700000000.123456`), false)
}

var names atomic.Int64 // libzmq releases a name only some time after Close

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// eventLog records events.
type eventLog struct {
	mu     sync.Mutex
	events []carrier.Event
}

func (d *eventLog) record(e carrier.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

func (d *eventLog) all() []carrier.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]carrier.Event(nil), d.events...)
}

// find is the first event of a kind behind the first skip of them, or nil.
func (d *eventLog) find(kind carrier.EventKind, skip int) *carrier.Event {
	for _, e := range d.all() {
		if e.Kind == kind {
			if skip == 0 {
				return &e
			}
			skip--
		}
	}
	return nil
}

// wait waits for the n-th event of a kind, counted from 1.
func (d *eventLog) wait(t testing.TB, kind carrier.EventKind, n int) carrier.Event {
	t.Helper()
	var found *carrier.Event
	testkit.Eventually(t, func() bool { found = d.find(kind, n-1); return found != nil }, "event %d of kind %d in %v", n, kind, d)
	return *found
}

func (d *eventLog) String() string {
	var s strings.Builder
	for _, e := range d.all() {
		fmt.Fprintf(&s, "\n  kind=%d peer=%d %s %q %s", e.Kind, e.Peer, e.Address, e.Prefix, e.Reason)
	}
	return s.String()
}

// sink collects what an inlet delivers.
type sink struct {
	mu       sync.Mutex
	messages [][]string
	count    int
	bytes    int64
	keep     bool
	pause    time.Duration // for each batch
}

func (s *sink) deliver(b *batch.Batch) {
	time.Sleep(s.pause)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count += b.Len()
	s.bytes += int64(b.Size())
	if !s.keep {
		return
	}
	for i := range b.Len() {
		var msg []string
		for _, f := range batch.Frames(nil, b.Message(i)) {
			msg = append(msg, string(f))
		}
		s.messages = append(s.messages, msg)
	}
}

// forget makes it only count from now on.
func (s *sink) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = false
}

func (s *sink) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

func (s *sink) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

func (s *sink) got() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]string(nil), s.messages...)
}

func (s *sink) wait(t testing.TB, n int) {
	t.Helper()
	testkit.Eventually(t, func() bool { return s.len() >= n }, "%d messages", n)
	require.Equal(t, n, s.len())
}

// options of the helpers below.
type option func(*carrier.Config)

func bind(addresses ...string) option {
	return func(c *carrier.Config) { c.Bind = addresses }
}

func dial(addresses ...string) option {
	return func(c *carrier.Config) { c.Connect = addresses }
}

func events(d *eventLog) option { return func(c *carrier.Config) { c.OnEvent = d.record } }

func config(kind carrier.Type, options []option) carrier.Config {
	c := carrier.Config{Type: kind, Hermes: "2", ReconnectMin: 10 * time.Millisecond, ReconnectMax: 50 * time.Millisecond}
	for _, o := range options {
		o(&c)
	}
	return c
}

// testOutlet is an outlet with its eventLog.
type testOutlet struct {
	*outlet
	*eventLog
}

func newOutlet(t testing.TB, overflow carrier.Overflow, queue int, options ...option) testOutlet {
	t.Helper()
	o := testOutlet{eventLog: &eventLog{}}
	cfg := carrier.OutletConfig{
		Config:   config(carrier.XPUB, append([]option{events(o.eventLog)}, options...)),
		Overflow: overflow, QueueMessages: queue,
	}
	out, err := Opener{}.OpenOutlet(cfg)
	require.NoError(t, err)
	o.outlet = out.(*outlet)
	t.Cleanup(func() { out.Close(0) })
	return o
}

func (o testOutlet) address() string { return o.Endpoints()[0] }

// testInlet is an inlet with its eventLog and what it has received.
type testInlet struct {
	*inlet
	*eventLog
	*sink
}

func newInlet(t testing.TB, kind carrier.Type, prefixes []string, options ...option) testInlet {
	t.Helper()
	i := testInlet{eventLog: &eventLog{}, sink: &sink{keep: true}}
	cfg := carrier.InletConfig{
		Config:      config(kind, append([]option{events(i.eventLog)}, options...)),
		Deliver:     i.sink.deliver,
		ReaderLease: kind == carrier.SUB, // so both ways of waiting take all tests
	}
	in, err := Opener{}.OpenInlet(cfg)
	require.NoError(t, err)
	i.inlet = in.(*inlet)
	for _, p := range prefixes {
		require.NoError(t, in.Subscribe([]byte(p)))
	}
	t.Cleanup(in.Close)
	return i
}

func (i testInlet) address() string { return i.Endpoints()[0] }

// connections counts those in any state.
func connections(s *socket) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// wanted counts the topics that any peer wants.
func wanted(o *outlet) int {
	o.events.Lock()
	defer o.events.Unlock()
	return o.wanted.Len()
}

// message is one message in a batch of its own.
func message(frames ...string) *batch.Batch {
	b := &batch.Batch{}
	for i, f := range frames {
		b.AppendFrame([]byte(f), i < len(frames)-1)
	}
	return b
}

// numbered is a batch of messages "topic/<from>" to "topic/<to - 1>".
func numbered(topic string, from, to int) *batch.Batch {
	b := &batch.Batch{}
	for i := from; i < to; i++ {
		b.AppendFrame(fmt.Appendf(nil, "%s/%d", topic, i), true)
		b.AppendFrame([]byte("body"), false)
	}
	return b
}

func requireNumbered(t testing.TB, got [][]string, topic string, n int) {
	t.Helper()
	require.Len(t, got, n)
	for i, msg := range got {
		require.Equal(t, []string{fmt.Sprintf("%s/%d", topic, i), "body"}, msg)
	}
}

// rawPeer is a peer whose bytes the test writes itself.
type rawPeer struct {
	net.Conn
	t testing.TB
}

// connectRaw connects to an endpoint and sends nothing.
func connectRaw(t testing.TB, endpoint string) *rawPeer {
	t.Helper()
	network, at := "tcp", strings.TrimPrefix(endpoint, "tcp://")
	if path, ok := strings.CutPrefix(endpoint, "ipc://"); ok {
		network, at = "unix", path
	}
	c, err := net.Dial(network, at)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(testkit.Soon)))
	t.Cleanup(func() { _ = c.Close() })
	return &rawPeer{c, t}
}

func (r *rawPeer) send(parts ...[]byte) {
	r.t.Helper()
	_, err := r.Write(bytes.Join(parts, nil))
	require.NoError(r.t, err)
}

func (r *rawPeer) receive(n int) []byte {
	r.t.Helper()
	p := make([]byte, n)
	for at := 0; at < n; {
		k, err := r.Read(p[at:])
		require.NoError(r.t, err, "after %q", p[:at])
		at += k
	}
	return p
}

// receiveFrame reads one frame.
func (r *rawPeer) receiveFrame() (flags byte, body []byte) {
	r.t.Helper()
	h := r.receive(2)
	flags, size := h[0], uint64(h[1])
	if flags&batch.FlagLong != 0 {
		h = append(h, r.receive(7)...)
		_, _, size, _ = parseHeader(h)
	}
	return flags, r.receive(int(size))
}

// greeting is a greeting of version 3.minor.
func greeting(minor byte) []byte {
	g := ownGreeting(&nullMechanism{})
	g[minorAt] = minor
	return g
}

// readyOf is the READY of a socket of the given type.
func readyOf(socketType string) []byte {
	return appendCommand(nil, cmdReady, properties{socketType: socketType}.encode())
}

// shakeHands runs the handshake of a socket of the given type. It takes turns, because
// libzmq loses what arrives too early.
func (r *rawPeer) shakeHands(kind string, minor byte) {
	r.t.Helper()
	r.send(greeting(minor))
	g := r.receive(greetingSize)
	require.NoError(r.t, checkGreeting(g))
	require.Equal(r.t, greeting(1)[majorAt:], g[majorAt:])
	r.send(readyOf(kind))
	flags, body := r.receiveFrame()
	require.Equal(r.t, byte(batch.FlagCommand), flags)
	name, _, err := parseCommand(body)
	require.NoError(r.t, err)
	require.Equal(r.t, cmdReady, name)
}

// requireHungUp waits until the other side has closed.
func (r *rawPeer) requireHungUp() {
	r.t.Helper()
	p := make([]byte, 4096)
	for {
		_, err := r.Read(p)
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			require.Fail(r.t, "the connection is still open")
		}
		if err != nil {
			return
		}
	}
}

func with(change func(*carrier.Config)) option { return change }

func limit(change func(*carrier.Limits)) option {
	return func(c *carrier.Config) { change(&c.Limits) }
}

func beat(interval, timeout time.Duration) option {
	return func(c *carrier.Config) { c.HeartbeatInterval, c.HeartbeatTimeout = interval, timeout }
}

// newOutletWithPeer is an outlet with one peer that has no connection, and its events.
func newOutletWithPeer(limits carrier.Limits) (*outlet, *conn, *eventLog) {
	o, d := &outlet{}, &eventLog{}
	o.cfg = carrier.Config{Limits: limits, OnEvent: d.record}.WithDefaults()
	c := &conn{s: &o.socket, id: 1}
	c.out.init(nil, 0, 0)
	c.out.dead = true
	return o, c, d
}

// topicHistory is the history of wanted topics as text: +a -a.
func topicHistory(d *eventLog) (list []string) {
	for _, e := range d.all() {
		list = append(list, map[carrier.EventKind]string{carrier.Subscribed: "+", carrier.Unsubscribed: "-"}[e.Kind]+string(e.Prefix))
	}
	return list
}

// gatedSink is a Deliver that can be made to block, and does not at first. The end of a test opens it
// before the inlet closes, which waits for Deliver.
type gatedSink struct {
	mu   sync.Mutex
	shut chan struct{} // nil while it is open
	sink
}

func (g *gatedSink) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
}

func (g *gatedSink) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

func (g *gatedSink) deliver(b *batch.Batch) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
	g.sink.deliver(b)
}

func openGated(t *testing.T, g *gatedSink, options ...option) carrier.Inlet {
	in, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.SUB, options), Deliver: g.deliver})
	require.NoError(t, err)
	require.NoError(t, in.Subscribe(nil))
	t.Cleanup(in.Close)
	t.Cleanup(g.open)
	return in
}

func newSendBuffer(t testing.TB, messages int, bytes int64) (*sendBuffer, net.Conn) {
	a, b := socketPair(t)
	raw, err := newRawio(a)
	require.NoError(t, err)
	o := &sendBuffer{}
	o.init(raw, messages, bytes)
	return o, b
}
