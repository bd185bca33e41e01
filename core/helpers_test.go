package core

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/libzmq"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/zmtp"
)

// step sets the time of day, for all components of this process.
func step(t *testing.T, by time.Duration) {
	clock.Step(by)
	t.Cleanup(func() { clock.Step(0) })
}

// quickly makes a component try again often, so that much happens in a short test.
var quickly = []string{"reconnect.min", "1ms", "reconnect.max", "2ms"}

// closedPort is an address of this machine at which no program listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return "tcp://" + l.Addr().String()
}

// listening serves connections with f until the test ends.
func listening(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				f(c)
			}()
		}
	}()
	return "tcp://" + l.Addr().String()
}

// told waits for the warning "unreachable" and checks what it says.
func told(t *testing.T, p Component, contains ...string) {
	t.Helper()
	e := eventOf(t, p, "unreachable")
	require.Equal(t, notify.Warning, e.Level)
	require.NotEmpty(t, e.Address)
	for _, c := range contains {
		require.Contains(t, e.Text, c)
	}
}

// soon is how long a test waits for what must happen.
const soon = 2 * time.Minute

// engines are the carriers that this build has.
func engines() []string {
	if !libzmq.Built {
		return []string{carrier.EngineZMTP}
	}
	return carriers.Names()
}

// eachEngine runs a test on every carrier.
func eachEngine(t *testing.T, f func(t *testing.T, engine string)) {
	for _, engine := range engines() {
		t.Run(engine, func(t *testing.T) { f(t, engine) })
	}
}

// inprocess in place of an engine makes newOffice bind names of this process.
const inprocess = "inproc"

// eachTransport is eachEngine, and runs the test within the process as well: it leaves addresses and
// engines to newOffice, newPublisher and newReceiver.
func eachTransport(t *testing.T, f func(t *testing.T, engine string)) {
	eachEngine(t, f)
	t.Run(inprocess, func(t *testing.T) { f(t, inprocess) })
}

// eachOfOurs runs a test of what only our own carrier does, over TCP and within the process: see
// eachTransport.
func eachOfOurs(t *testing.T, f func(t *testing.T, engine string)) {
	for _, engine := range []string{"zmtp", inprocess} {
		t.Run(engine, func(t *testing.T) { f(t, engine) })
	}
}

var inprocNames atomic.Int64

func set(t testing.TB, p Component, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == "engine" && pairs[i+1] == inprocess {
			continue
		}
		require.NoError(t, p.Set(pairs[i], pairs[i+1]))
	}
}

func get(t testing.TB, p Component, key string) string {
	t.Helper()
	v, err := p.Get(key)
	require.NoError(t, err)
	return v
}

func newOffice(t testing.TB, engine string, pairs ...string) *PostOffice {
	t.Helper()
	in, out := "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"
	if engine == inprocess {
		n := inprocNames.Add(1)
		in, out = fmt.Sprintf("inproc://in %d", n), fmt.Sprintf("inproc://out %d", n)
	}
	po, err := NewPostOffice(in, out, "")
	require.NoError(t, err)
	set(t, po, append([]string{"engine", engine}, pairs...)...)
	require.NoError(t, po.Start())
	t.Cleanup(func() {
		// What waits for a peer that has only just left is not sent, and Close says so.
		if err := po.Close(); !errors.Is(err, &Error{Code: ETIMEOUT}) {
			require.NoError(t, err)
		}
	})
	return po
}

// newPublisher starts a publisher that holds back until there is a subscription.
func newPublisher(t testing.TB, engine, address string, pairs ...string) *Publisher {
	t.Helper()
	p, err := NewPublisher(address, "pub")
	require.NoError(t, err)
	set(t, p, append([]string{"engine", engine, "ready.hold", soon.String()}, pairs...)...)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func newReceiver(t testing.TB, engine, address string, pairs ...string) *Receiver {
	t.Helper()
	r, err := NewReceiver(address, "rec")
	require.NoError(t, err)
	set(t, r, append([]string{"engine", engine}, pairs...)...)
	require.NoError(t, r.Start())
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// subscribed counts the subscribers that have said what they want.
func subscribed(s PostOfficeStats) (n int) {
	for _, p := range s.Subscribers {
		if p.Subscriptions > 0 {
			n++
		}
	}
	return n
}

func code(t testing.TB, want Code, err error, contains ...string) {
	t.Helper()
	require.Equal(t, want, CodeOf(err), "%v", err)
	for _, c := range contains {
		require.ErrorContains(t, err, c)
	}
}

// collect takes n envelopes.
func collect(t testing.TB, r *Receiver, n int) (out []Envelope) {
	t.Helper()
	for len(out) < n {
		d, err := r.Take(min(n-len(out), 1000), soon)
		require.NoError(t, err, "after %d of %d: %s", len(out), n, r.StatsJSON())
		for i := range d.Len() {
			out = append(out, d.Envelope(i))
		}
		d.Release()
	}
	require.Len(t, out, n)
	return out
}

// publishUntil publishes again and again: subscriptions take their time to travel.
func publishUntil(t *testing.T, p *Publisher, topic, data string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); ; {
		require.NoError(t, p.Publish(topic, "", []byte(data)))
		if done() {
			return
		}
		require.True(t, time.Now().Before(end))
	}
}

func countFDs(t testing.TB) int {
	fds, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	return len(fds)
}

// rawPublisher connects an XPUB that announces nothing of hermes, and gives a function that sends
// frames once it has a subscriber.
func rawPublisher(t testing.TB, address string) func(frames ...string) {
	subscribed := make(chan struct{}, 1)
	soc, err := zmtp.Opener{}.OpenOutlet(carrier.OutletConfig{
		Config: carrier.Config{Type: carrier.XPUB, Connect: []string{address}, OnEvent: func(e carrier.Event) {
			if e.Kind == carrier.Subscribed {
				select {
				case subscribed <- struct{}{}:
				default:
				}
			}
		}},
		Overflow: carrier.Wait,
	})
	require.NoError(t, err)
	t.Cleanup(func() { soc.Close(0) })
	testkit.Receive(t, subscribed, "the subscription")
	return func(frames ...string) {
		b := batch.Get()
		defer b.Release()
		for i, f := range frames {
			b.AppendFrame([]byte(f), i < len(frames)-1)
		}
		require.Equal(t, 1, soc.Send(b).Sent)
	}
}

func portOf(t *testing.T, endpoint string) int {
	t.Helper()
	a, err := address.Parse(endpoint)
	require.NoError(t, err)
	return a.Port
}

// confined is the environment variable that makes this test program a post office
// with few descriptors; its value is how many.
const confined = "HERMES_TEST_DESCRIPTORS"

// TestMain lets the test program be run as another.
func TestMain(m *testing.M) {
	if limit := os.Getenv(confined); limit != "" {
		confinedOffice(limit)
		return
	}
	os.Exit(m.Run())
}

// confinedOffice runs a post office and answers questions, one a line.
func confinedOffice(limit string) {
	var n int
	_, err := fmt.Sscan(limit, &n)
	if err == nil {
		err = limitDescriptors(n)
	}
	po, _ := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	if err == nil {
		err = po.Start()
	}
	in, _ := po.Get("endpoint.in")
	out, _ := po.Get("endpoint.out")
	fmt.Println(in, out, err)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "stats":
			fmt.Println(string(po.StatsJSON()))
		case "open": // one more component, in this very process
			r, _ := NewReceiver(out, "inside")
			err := r.Start()
			fmt.Println(CodeOf(err), err)
			_ = r.Close()
		}
	}
	fmt.Println(po.Close())
}

// captive is a confinedOffice in a process of its own.
type captive struct {
	t       testing.TB
	in, out string
	ask     io.WriteCloser
	lines   *bufio.Scanner
	cmd     *exec.Cmd
}

func newCaptive(t testing.TB, descriptors int) *captive {
	t.Helper()
	c := &captive{t: t, cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", confined, descriptors))
	c.cmd.Stderr = os.Stderr
	var err error
	c.ask, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() { _ = c.cmd.Process.Kill(); _ = c.cmd.Wait() })
	c.lines = bufio.NewScanner(out)
	c.lines.Buffer(nil, 16<<20)
	words := strings.Fields(c.line())
	require.Equal(t, "<nil>", words[2])
	c.in, c.out = words[0], words[1]
	return c
}

func (c *captive) line() string {
	c.t.Helper()
	require.True(c.t, c.lines.Scan(), "the post office has died: %v", c.lines.Err())
	return c.lines.Text()
}

func (c *captive) answer(question string) string {
	c.t.Helper()
	_, err := fmt.Fprintln(c.ask, question)
	require.NoError(c.t, err)
	return c.line()
}

func (c *captive) stats() (s PostOfficeStats) {
	c.t.Helper()
	require.NoError(c.t, json.Unmarshal([]byte(c.answer("stats")), &s))
	return s
}

// collectGarbage lets what nothing refers to go, finalizers and all.
func collectGarbage() {
	for range 3 {
		runtime.GC()
	}
}

// hears waits until a component tells of something in these words.
func hears(t *testing.T, p Component, words string) {
	t.Helper()
	for end := time.Now().Add(soon); ; {
		e, err := p.NextEvent(time.Until(end))
		require.NoError(t, err, "nothing was said of %q", words)
		if strings.Contains(e.Text, words) {
			return
		}
	}
}

// heapInUse is how much memory is in use once the garbage is gone.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// rules are the choices of queue.full with what they leave, in a queue for 10, of the
// 25 envelopes numbered from 0 on topics t0 to t4 in turn.
var rules = map[queue.Policy]struct {
	left           []int
	new, old, same uint64
	code           Code
}{
	queue.Auto:           {count(0, 10), 15, 0, 0, EFULL},
	queue.Block:          {count(0, 10), 15, 0, 0, EFULL},
	queue.DropNew:        {count(0, 10), 15, 0, 0, OK},
	queue.DropOld:        {count(15, 25), 0, 15, 0, OK},
	queue.LatestPerTopic: {count(20, 25), 0, 0, 20, OK},
	queue.Error:          {count(0, 10), 15, 0, 0, EFULL},
}

func count(from, to int) (out []int) {
	for ; from < to; from++ {
		out = append(out, from)
	}
	return out
}

func numbers(t *testing.T, envelopes []Envelope) (out []int) {
	t.Helper()
	for _, e := range envelopes {
		var n int
		require.NoError(t, json.Unmarshal(e.Data, &n))
		out = append(out, n)
	}
	return out
}

// eventOf waits for an event of a kind.
func eventOf(t *testing.T, p Component, kind string) Event {
	t.Helper()
	for end := time.Now().Add(soon); ; {
		e, err := p.NextEvent(time.Until(end))
		require.NoError(t, err, "waiting for %s", kind)
		if e.Kind == kind {
			return e
		}
	}
}

const pollEvery = 10 * time.Millisecond

// freePort is one where no socket listens now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:]
}
