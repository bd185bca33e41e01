package zmtp

import (
	"errors"
	"strings"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/invariants"
)

const (
	// maxRoute is how many post offices a route names; more are not told.
	maxRoute = 1024
	// maxRouteBacklog is how many bytes of commands may wait for a peer that is told
	// another route.
	maxRouteBacklog = 4 << 20
)

// route is the post offices that the messages of an outlet may come from. The outlet
// tells it to every peer that is part of a post office, before any message and whenever
// it changes, so that post offices notice when they are connected in a cycle.
//
// The command is HERMES-PATH; its data are the names, separated by commas. Only peers
// that have named themselves by X-Hermes-Office in their READY are sent it.
type route struct {
	mu      invariants.Mutex // taken before the lock of a send buffer
	offices []string
}

// announce changes the route and tells all peers. They are read with mu held: a peer that
// joins meanwhile is told the new route by tell.
func (r *route) announce(offices []string, peers *atomic.Pointer[[]*conn]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offices = offices
	for _, c := range *peers.Load() {
		r.send(c)
	}
}

// tell tells a new peer, before any message.
func (r *route) tell(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.send(c)
}

// send sends the route to a peer that is a post office. The caller holds mu.
func (r *route) send(c *conn) {
	if c.peer.office == "" || len(r.offices) == 0 {
		return
	}
	list := strings.Join(r.offices[:min(len(r.offices), maxRoute)], ",")
	c.out.mu.Lock()
	switch {
	case c.out.over():
		c.out.mu.Unlock()
	case c.out.commands > maxRouteBacklog:
		c.out.mu.Unlock()
		c.abort(errors.New("the peer does not read: too many routes of post offices are queued for it"))
	default:
		c.out.addCommand(appendCommand(nil, cmdRoute, []byte(list)))
		c.flush()
	}
}

// parseRoute splits the data of a route command.
func parseRoute(data []byte) (offices []string, err error) {
	offices = strings.Split(string(data), ",")
	for _, each := range offices {
		if each == "" || len(each) > maxOffice {
			return nil, errors.New("malformed " + cmdRoute)
		}
	}
	return offices, nil
}
