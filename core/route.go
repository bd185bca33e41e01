package core

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/notify"
)

// route is what a post office knows of the way that its messages have come: through
// which other post offices. Each tells those that follow it, with its own name added,
// before the first message and whenever it changes. One that finds itself on the way to
// itself would relay the same messages for ever: it ends the connection that they come
// by.
//
// Several on the same circle may notice at the same moment. Then all connections that
// close it are ended, and tried again after pauses of different lengths, until the first
// stays; the last one to close the circle does not.
//
// What is not seen: circles through post offices that do not speak of it, which are
// those of 1.x, other proxies, and all on the engine libzmq; and post offices that are
// more than a thousand steps away.
type route struct {
	own     string               // this post office, in this run
	outlets []carrier.Outlet     // who is told
	mu      sync.Mutex           // taken before the locks of outlets
	ways    map[uint64][]string  // by the peer that messages come from
	told    []string             // last
	warned  map[string]time.Time // by address; when a circle was last noticed
}

// maxWays bounds the offices that are passed on.
const maxWays = 1024

// newRoute names a post office by chance.
func newRoute() *route {
	var name [8]byte
	_, _ = rand.Read(name[:]) // it cannot fail
	return &route{own: hex.EncodeToString(name[:]), ways: map[uint64][]string{}, warned: map[string]time.Time{}}
}

// errCycle ends a connection that closes a circle.
var errCycle = &carrier.Fault{Cause: carrier.CauseCycle,
	Text: "it would close a circle of post offices: what this one sends comes back that way"}

// begin says who is to be told.
func (r *route) begin(outlets ...carrier.Outlet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outlets = outlets
	r.told = nil
	r.tell()
}

// hear is told by a peer through which post offices its messages come.
func (r *route) hear(peer uint64, offices []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(offices, r.own) {
		return errCycle
	}
	r.ways[peer] = offices
	r.tell()
	return nil
}

// forget is told that a peer is gone.
func (r *route) forget(peer uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.ways[peer]; known {
		delete(r.ways, peer)
		r.tell()
	}
}

// tell passes on what has changed. The caller holds mu.
func (r *route) tell() {
	all := []string{}
	for _, way := range r.ways {
		all = append(all, way...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	all = append([]string{r.own}, all[:min(len(all), maxWays-1)]...)
	if slices.Equal(all, r.told) {
		return
	}
	r.told = all
	for _, o := range r.outlets {
		if t, ok := o.(carrier.RouteAnnouncer); ok {
			t.AnnounceRoute(all)
		}
	}
}

// due reports whether a circle that is closed at an address is to be noticed now: once a
// minute at most.
func (r *route) due(address string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if last, warned := r.warned[address]; warned && now.Sub(last) < notify.WarnEvery {
		return false
	}
	if len(r.warned) >= maxWays {
		clear(r.warned)
	}
	r.warned[address] = now
	return true
}
