package backbone

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// gate slows the reading of the connection to NATS while messages wait for the goroutine that takes
// them: nats.go would drop them where its channel is full, and has no bound for their bytes. NATS then
// queues for this site, and takes it for a slow consumer only if that lasts.
type gate struct {
	ch    chan *nats.Msg
	limit int64        // of bytes that may have been read and not taken
	read  atomic.Int64 // bytes so far
	taken atomic.Int64 // what read was when the channel was last found empty
	again atomic.Bool  // there was a connection
}

// redialPause is how long it takes at least until there is another connection. Those who send in order notice within that
// time that the last one has been lost, with messages in it: nats.go itself would dial another server at once.
const redialPause = 150 * time.Millisecond

// Waiting is by short sleeps, for at most gateWait at a time: nats.go has pings to answer.
const (
	gateSleep = 200 * time.Microsecond
	gateWait  = time.Second
)

// pass waits until it is time to read more.
func (g *gate) pass() {
	if !g.shut() {
		return
	}
	for end := time.Now().Add(gateWait); g.shut() && time.Now().Before(end); {
		time.Sleep(gateSleep)
	}
}

func (g *gate) shut() bool {
	n := len(g.ch)
	return n > cap(g.ch)/2 || n > 0 && g.read.Load()-g.taken.Load() > g.limit
}

// drained is called by the goroutine that takes messages when the channel is empty.
func (g *gate) drained() { g.taken.Store(g.read.Load()) }

// conn is a connection to NATS behind the gate.
func (g *gate) conn(c net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return &gatedConn{c, g}, nil
}

// pause waits before a connection that is not the first.
func (g *gate) pause() {
	if g.again.Swap(true) {
		time.Sleep(redialPause)
	}
}

// Dial implements nats.CustomDialer.
func (g *gate) Dial(network, address string) (net.Conn, error) {
	g.pause()
	return g.conn(net.DialTimeout(network, address, dialTimeout))
}

type gatedConn struct {
	net.Conn
	gate *gate
}

// Read implements net.Conn.
func (c *gatedConn) Read(p []byte) (n int, err error) {
	c.gate.pass()
	n, err = c.Conn.Read(p)
	c.gate.read.Add(int64(n))
	return n, err
}

// inProcess is the server of this process, as nats.go connects to it.
type inProcess struct {
	nats.InProcessConnProvider
	gate *gate
}

// InProcessConn implements nats.InProcessConnProvider.
func (p inProcess) InProcessConn() (net.Conn, error) {
	p.gate.pause()
	return p.gate.conn(p.InProcessConnProvider.InProcessConn())
}
