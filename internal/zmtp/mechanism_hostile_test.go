package zmtp

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// hostileHandshakes makes peers that give up, or lie, at every state of a handshake with CURVE.
type hostileHandshakes struct {
	t       testing.TB
	path    string
	keys    curveKeys
	forged  *curve.Pair
	invalid []byte // the frame of a HELLO for another server
}

func newHostileHandshakes(t testing.TB) (*hostileHandshakes, testOutlet) {
	t.Helper()
	k := newCurveKeys(t)
	o := newOutlet(t, carrier.Drop, 0, bind("ipc://"+t.TempDir()+"/door"), k.asServer(t, k.client.Public.String()),
		func(c *carrier.Config) { c.OnEvent = nil }, limit(func(l *carrier.Limits) { l.HandshakeRate = 1 << 20 }))
	h := &hostileHandshakes{t: t, path: strings.TrimPrefix(o.address(), "ipc://"), keys: k, forged: newPair(t)}
	body, err := curve.NewClient(h.forged, h.forged.Public, nil).Hello()
	require.NoError(t, err)
	h.invalid = appendBody(nil, body)
	return h, o
}

// run is one handshake of kind n.
func (h *hostileHandshakes) run(n int) {
	nc, err := net.Dial("unix", h.path)
	require.NoError(h.t, err)
	defer nc.Close()
	p := &rawPeer{nc, h.t}
	greeting := ownGreeting(&curveClient{})
	if n%5 == 0 {
		p.send(greeting[:n%greetingSize])
		return
	}
	p.send(greeting)
	p.receive(greetingSize)
	switch n % 5 {
	case 1:
		return
	case 2:
		p.send(h.invalid)
		_, body := p.receiveFrame()
		require.Contains(h.t, string(body), curve.ReasonServerKey)
		return
	}
	pair := h.keys.client
	if n%5 == 4 {
		pair = h.forged // which is not known
	}
	c := curve.NewClient(pair, h.keys.server.Public, nil)
	hello, err := c.Hello()
	require.NoError(h.t, err)
	p.send(appendBody(nil, hello))
	_, welcome := p.receiveFrame()
	name, data, err := parseCommand(welcome)
	require.NoError(h.t, err)
	step, err := c.Receive(name, data)
	require.NoError(h.t, err)
	if n%5 == 3 {
		step.Answer[len(step.Answer)-1] ^= 1
	}
	p.send(appendBody(nil, step.Answer))
	if n%5 == 4 {
		_, body := p.receiveFrame()
		require.Contains(h.t, string(body), "is not known")
	}
}

func TestHostileHandshakesLeaveNothingBehind(t *testing.T) {
	h, o := newHostileHandshakes(t)
	gone := func() bool { return connections(&o.socket) == 0 }
	for n := range 200 {
		h.run(n)
	}
	testkit.Eventually(t, gone, "the end of all connections")
	before := heapBytes()
	for n := range 2000 {
		h.run(n)
	}
	testkit.Eventually(t, gone, "the end of all connections")
	require.Less(t, heapBytes()-before, int64(1<<20))
	require.Zero(t, places(&o.guard.curve))
}

// BenchmarkHostileHandshakes shows, with -benchtime 1000000x, that memory stays flat.
func BenchmarkHostileHandshakes(b *testing.B) {
	h, o := newHostileHandshakes(b)
	before := heapBytes()
	for n := 0; b.Loop(); n++ {
		h.run(n)
	}
	testkit.Eventually(b, func() bool { return connections(&o.socket) == 0 }, "the end of all connections")
	b.ReportMetric(float64(heapBytes()-before), "heap-bytes")
}
