package zmtp

import (
	"errors"
	"strings"
	"sync"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// path is the post offices that the messages of an outlet may come from, which it tells
// every peer that is part of one, so that post offices notice that they follow each
// other in a circle. Its lock is taken before that of an outbox.
type path struct {
	mu      sync.Mutex
	offices []string
}

var _ carrier.RouteAnnouncer = (*outlet)(nil)

// AnnounceRoute implements carrier.RouteAnnouncer.
func (o *outlet) AnnounceRoute(offices []string) {
	o.path.mu.Lock()
	defer o.path.mu.Unlock()
	o.path.offices = offices
	for _, c := range *o.peers.Load() {
		o.path.tell(c)
	}
}

// tellPath tells a new peer, before any message.
func (o *outlet) tellPath(c *conn) {
	o.path.mu.Lock()
	defer o.path.mu.Unlock()
	o.path.tell(c)
}

// tell sends the path to a peer, where that wants to know. The caller holds mu.
func (p *path) tell(c *conn) {
	if c.office == "" || len(p.offices) == 0 {
		return
	}
	list := strings.Join(p.offices[:min(len(p.offices), maxPath)], ",")
	c.out.mu.Lock()
	switch {
	case c.out.dead:
		c.out.mu.Unlock()
	case int64(c.out.commands) > maxPaths:
		c.out.mu.Unlock()
		c.abort(errors.New("the peer does not read, and has been told too often where messages come from"))
	default:
		c.out.addCommand(appendCommand(nil, cmdPath, []byte(list)))
		c.kick()
	}
}

// maxPaths is how many bytes of commands may wait for a peer that is told once more.
const maxPaths = 4 << 20

// hearPath takes in the path of a peer.
func (i *inlet) hearPath(c *conn, data []byte) error {
	if i.onPath == nil {
		return nil
	}
	offices := strings.Split(string(data), ",")
	for _, each := range offices {
		if each == "" || len(each) > maxOffice {
			return errors.New("malformed " + cmdPath)
		}
	}
	return i.onPath(c.id, offices)
}
