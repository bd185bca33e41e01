package relay

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/notify"
)

// cycles finds out whether what a post office sends comes back to it. Each post office tells
// those that follow it through which post offices its messages come, with its own name
// added, before the first message and whenever that changes. One that finds its own name in
// what it is told would relay the same messages endlessly: it ends that connection.
//
// Several on the same cycle may find it at the same moment. Then all connections that
// close it are ended, and tried again after pauses of different lengths, until the first
// stays; the last one to close the cycle does not.
//
// What is not seen: cycles through post offices that do not take part, which are those of
// 1.x, other proxies, and all on the engine libzmq; and post offices that are more than a
// thousand steps away.
type cycles struct {
	own string // names this post office, in this run

	mu      sync.Mutex           // guards what follows; taken before the locks of outlets
	outlets []carrier.Outlet     // whose peers are told
	paths   map[uint64][]string  // the post offices that messages have come through, by the peer they come from
	told    []string             // what was told last
	warned  map[string]time.Time // when a cycle was last announced, by address

	link func(own string, peers map[uint64][]string) // of a Link, which hears what is told; may be nil
}

// maxOffices bounds the post offices that are told of.
const maxOffices = 1024

// newCycles gives the post office a random name.
func newCycles() *cycles {
	var name [8]byte
	_, _ = rand.Read(name[:]) // it cannot fail
	return &cycles{own: hex.EncodeToString(name[:]), paths: map[uint64][]string{}, warned: map[string]time.Time{}}
}

// errCycle ends a connection that closes a cycle.
var errCycle = &carrier.Fault{Cause: carrier.CauseCycle,
	Text: "it would close a cycle of post offices: messages that this one sends would return to it"}

// begin says whose peers are to be told.
func (c *cycles) begin(outlets ...carrier.Outlet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outlets = outlets
	c.told = nil
	c.tell()
}

// hear takes in what a peer tells: through which post offices its messages come. An error
// ends the connection.
func (c *cycles) hear(peer uint64, offices []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(offices, c.own) {
		return errCycle
	}
	c.paths[peer] = offices
	c.tell()
	return nil
}

// forget notes that a peer is gone.
func (c *cycles) forget(peer uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.paths[peer]; known {
		delete(c.paths, peer)
		c.tell()
	}
}

// follow tells a link of the peers, now and whenever they change; nil ends that.
func (c *cycles) follow(link func(own string, peers map[uint64][]string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = link
	c.tellLink()
}

func (c *cycles) tellLink() {
	if c.link != nil {
		c.link(c.own, maps.Clone(c.paths))
	}
}

// tell passes on what has changed. The caller holds mu.
func (c *cycles) tell() {
	c.tellLink()
	all := []string{}
	for _, path := range c.paths {
		all = append(all, path...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	all = append([]string{c.own}, all[:min(len(all), maxOffices-1)]...)
	if slices.Equal(all, c.told) {
		return
	}
	c.told = all
	for _, o := range c.outlets {
		if t, ok := o.(carrier.RouteAnnouncer); ok {
			t.AnnounceRoute(all)
		}
	}
}

// due reports whether a cycle that is closed at an address is to be announced now: once a
// minute at most.
func (c *cycles) due(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if last, warned := c.warned[address]; warned && now.Sub(last) < notify.WarnEvery {
		return false
	}
	if len(c.warned) >= maxOffices {
		clear(c.warned)
	}
	c.warned[address] = now
	return true
}
