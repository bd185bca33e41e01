package durable

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/natssubject"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// engine is a NATS server that can be stopped and started again at the same address.
type engine struct {
	t   testing.TB
	o   server.Options
	now *server.Server
}

func startEngine(t testing.TB) *engine {
	t.Helper()
	e := &engine{t: t, o: server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}}
	e.start()
	e.o.Port = e.now.Addr().(*net.TCPAddr).Port
	t.Cleanup(e.stop)
	return e
}

func (e *engine) start() {
	e.t.Helper()
	o := e.o
	var err error
	e.now, err = server.NewServer(&o)
	require.NoError(e.t, err)
	e.now.Start()
	require.True(e.t, e.now.ReadyForConnections(testkit.Soon))
}

func (e *engine) stop() {
	e.now.Shutdown()
	e.now.WaitForShutdown()
}

func (e *engine) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", e.o.Port) }

func dial(t testing.TB, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond),
		nats.ReconnectJitter(0, 0), nats.ReconnectBufSize(-1), nats.NoEcho(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), nats.Timeout(5*time.Second))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// testSite is a site whose post office writes down what it gets.
type testSite struct {
	*Site
	t  testing.TB
	nc *nats.Conn

	mu     sync.Mutex
	got    []string // TOPIC/ORIGIN/NUMBER, or the data of what has no number
	marked int      // how many had the mark of the cache
	closed bool     // the post office does not run
}

func testSpace(t testing.TB) natssubject.Space {
	t.Helper()
	space, err := natssubject.New("test")
	require.NoError(t, err)
	return space
}

// join opens a site and connects it.
func join(t testing.TB, name, url string, change func(*Config)) *testSite {
	t.Helper()
	x := &testSite{t: t}
	c := Config{Name: name, Space: testSpace(t), Topics: []Topics{{Prefix: "orders/"}}, Deliver: x.deliver, OnProblem: func(text string, _ bool) {
		if text != "" {
			t.Log(text)
		}
	}}
	if change != nil {
		change(&c)
	}
	var err error
	x.Site, err = Open(c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = x.Close() })
	x.nc = dial(t, url)
	require.NoError(t, x.Connect(x.nc))
	return x
}

// ready waits until the site has positions, that is, gets what is sent from now on.
func (x *testSite) ready() *testSite {
	x.t.Helper()
	for _, r := range x.receivers {
		testkit.Eventually(x.t, func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return !r.saved.Created.IsZero()
		}, "the site has a position")
	}
	return x
}

func (x *testSite) deliver(b *batch.Batch) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return false
	}
	var memo wire.StreamMemo
	for i := range b.Len() {
		p, err := wire.Split(b.Message(i), &memo)
		switch {
		case err != nil:
			x.got = append(x.got, string(b.Message(i)))
		case p.Numbered:
			x.got = append(x.got, strings.Trim(string(p.Topic), `"`)+"/"+strings.Trim(string(p.Origin), `"`)+"/"+fmt.Sprint(p.Sequence.Number))
		default:
			x.got = append(x.got, string(p.Data))
		}
		if p.Cached {
			x.marked++
		}
	}
	return true
}

func (x *testSite) received() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.got)
}

// gets waits until the site has received exactly this.
func (x *testSite) gets(want []string) {
	x.t.Helper()
	testkit.Eventually(x.t, func() bool { return len(x.received()) >= len(want) }, "%d messages arrive", len(want))
	require.Equal(x.t, want, x.received())
}

// send sends envelopes of one topic and origin, with the numbers from first to before last.
func (x *testSite) send(topic, origin string, first, last int) (names []string) {
	x.t.Helper()
	b := envelopes(x.t, topic, origin, first, last)
	defer b.Release()
	x.Send(b, false, nil, nil)
	for i := first; i < last; i++ {
		names = append(names, fmt.Sprintf("%s/%s/%d", topic, origin, i))
	}
	return names
}

func envelopes(t testing.TB, topic, origin string, first, last int) *batch.Batch {
	t.Helper()
	b := batch.Get()
	for i := first; i < last; i++ {
		require.NoError(t, wire.Append(b, topic, []byte(`"`+origin+`"`), fmt.Appendf(nil, `["test",1,{"n":%d}]`, i), true))
		wire.Number(b, b.Len()-1, wire.Sequence{Incarnation: 7, Number: uint32(i)})
	}
	wire.Stamp(b, time.Now().UnixMicro(), true)
	return b
}

func (x *testSite) flush() {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Soon)
	defer cancel()
	require.True(x.t, x.Flush(ctx), "everything is acknowledged")
}

// cutter is a proxy that cuts connections.
type cutter struct {
	l     net.Listener
	mute  atomic.Bool  // nothing comes back from the server
	deaf  atomic.Bool  // nothing reaches the server
	lost  atomic.Int64 // bytes that did not
	group sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
}

func startCutter(t testing.TB, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cutter{l: l}
	c.group.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", strings.TrimPrefix(to, "nats://"))
			if err != nil {
				_ = in.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, in, out)
			c.mu.Unlock()
			c.group.Go(func() { c.forth(out, in) })
			c.group.Go(func() { c.back(in, out) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		c.cut()
		testkit.Wait(t, &c.group, "the proxy")
	})
	return c
}

// forth copies what the client says, unless the server is to be deaf.
func (c *cutter) forth(out, in net.Conn) {
	defer func() { _ = out.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		if err != nil {
			return
		}
		if c.deaf.Load() {
			c.lost.Add(int64(n))
		} else if _, err = out.Write(buf[:n]); err != nil {
			return
		}
	}
}

// back copies what the server says, unless it is mute.
func (c *cutter) back(in, out net.Conn) {
	defer func() { _ = in.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := out.Read(buf)
		if err != nil {
			return
		}
		if !c.mute.Load() {
			if _, err = in.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

func (c *cutter) url() string { return "nats://" + c.l.Addr().String() }
