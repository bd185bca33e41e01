package sites

import (
	"slices"
	"sync"
	"unicode/utf8"
)

// routes is through which post offices the messages of all sites come, this one included. Its lock is
// taken under any other, and held for a few steps only, as it is asked for batches of messages.
type routes struct {
	mu         sync.Mutex
	own        uint64 // run of this site
	changed    bool   // its route has, and the others have not been told
	ways       map[uint64]*way
	sites      map[string]int  // how many other sites have this post office as their own
	through    map[string]int  // how many sites have it on their way
	unknown    map[uint64]bool // sites that are present and have not told their route
	total      int             // of the offices of all
	generation uint64          // grows with each change
}

// way is the route of one site.
type way struct {
	offices    []string
	crowded    bool   // offices are not all of them
	overlaps   bool   // as of generation
	generation uint64 // of overlaps
}

// maxRoutes bounds the post offices that are kept of all sites together.
const maxRoutes = 64 << 10

// set replaces the post offices of a site. Names that no post office has are left out.
func (r *routes) set(run uint64, offices []string) {
	known := map[string]bool{}
	fit := []string{}
	for _, o := range offices {
		if len(o) <= maxOffice && utf8.ValidString(o) && !known[o] && len(fit) < maxOffices {
			known[o] = true
			fit = append(fit, o)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.unknown, run)
	w := r.ways[run]
	if w != nil && slices.Equal(w.offices, fit) && !w.crowded {
		return
	}
	r.remove(run)
	crowded := len(fit) > maxRoutes-r.total
	if crowded {
		fit = fit[:maxRoutes-r.total]
	}
	r.ways[run] = &way{offices: fit, crowded: crowded}
	r.total += len(fit)
	r.generation++
	for i, o := range fit {
		r.through[o]++
		if i == 0 && run != r.own {
			r.sites[o]++
		}
	}
	r.changed = r.changed || run == r.own
}

// forget removes a site.
func (r *routes) forget(run uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.unknown, run)
	r.remove(run)
}

// expect notes that a site is present, whose route is not known yet.
func (r *routes) expect(run uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unknown[run] = true
}

// settled implements Sites.Settled.
func (r *routes) settled(run uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.unknown) == 0 && r.ways[run] != nil
}

func (r *routes) remove(run uint64) {
	w := r.ways[run]
	if w == nil {
		return
	}
	for i, o := range w.offices {
		less(r.through, o)
		if i == 0 && run != r.own {
			less(r.sites, o)
		}
	}
	r.total -= len(w.offices)
	r.generation++
	delete(r.ways, run)
}

// of is the post offices of a site.
func (r *routes) of(run uint64) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.ways[run]; w != nil {
		return w.offices
	}
	return nil
}

// take is the route of this site, if it has changed since the last call.
func (r *routes) take() (offices []string, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.changed {
		return nil, false
	}
	r.changed = false
	return r.ways[r.own].offices, true
}

// changes implements Sites.Routes.
func (r *routes) changes() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.generation
}

// redundant implements Sites.Redundant.
func (r *routes) redundant(route []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(route) > 0 && r.sites[route[0]] > 0
}

// overlap implements Sites.Overlaps.
func (r *routes) overlap(run uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.ways[run]
	if w == nil {
		return false
	}
	if w.generation != r.generation {
		w.overlaps = w.crowded || slices.ContainsFunc(w.offices, func(o string) bool { return r.through[o] > 1 })
		w.generation = r.generation
	}
	return w.overlaps
}

func less(m map[string]int, key string) {
	if m[key]--; m[key] <= 0 {
		delete(m, key)
	}
}
