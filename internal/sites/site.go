package sites

import "time"

// site is another site, in one run. Guarded by Sites.mu.
type site struct {
	run            uint64
	name           string              // valid if info > 0
	info           uint64              // of the hello that name and post offices are from; 0: none has come
	durable        difference          // between its durable topics and those of this site
	since, heard   time.Duration       // of the first and the last message
	set            map[string]struct{} // what it wants
	bytes          int                 // length of all in set
	all            bool                // it counts as one that wants everything, because set has no room; set is nil
	retry          time.Duration       // if all: when to try again
	version        uint64              // of set
	digest         uint64
	latest         uint64        // the version that it has, as it says
	doubt          bool          // set is not what it says: take any snapshot
	low            int           // beats in a row with a version below ours
	part           *part         // a snapshot that is not complete yet
	wantsHello     bool          // info is not the one that it says
	askAt, earlier time.Duration // when to ask; 0: not at all. earlier is the pause before
}

// part is the chunks of a snapshot that have arrived.
type part struct {
	version uint64
	got     []bool
	left    int // chunks that are missing
	set     map[string]struct{}
	bytes   int
	all     bool // it has no room; set is nil
}

// behind reports whether a snapshot is needed.
func (x *site) behind() bool { return x.doubt || x.latest > x.version }

// room bounds what all sites together keep: strings and their bytes, of sets and parts.
type room struct{ prefixes, bytes int }

// take takes room for a prefix in a set of n prefixes and bytes, and reports whether there is some.
func (r *room) take(n, bytes, prefix int) bool {
	if n >= MaxPrefixes || bytes+prefix > MaxBytes || r.prefixes >= maxAllPrefixes || r.bytes+prefix > maxAllBytes {
		return false
	}
	r.prefixes++
	r.bytes += prefix
	return true
}

func (r *room) give(n, bytes int) {
	r.prefixes -= n
	r.bytes -= bytes
}

// put adds a prefix to what a site wants.
func (s *Sites) put(x *site, prefix []byte) {
	if x.all {
		return
	}
	if _, known := x.set[string(prefix)]; known {
		return
	}
	if !s.room.take(len(x.set), x.bytes, len(prefix)) {
		s.widen(x)
		return
	}
	p := string(prefix)
	x.set[p] = struct{}{}
	x.bytes += len(p)
	x.digest += hash(p)
	s.count(p, true)
}

// drop removes a prefix from what a site wants.
func (s *Sites) drop(x *site, prefix []byte) {
	p := string(prefix)
	if _, known := x.set[p]; !known {
		return
	}
	delete(x.set, p)
	x.bytes -= len(p)
	x.digest -= hash(p)
	s.room.give(1, len(p))
	s.count(p, false)
}

// widen makes a site one that wants everything.
func (s *Sites) widen(x *site) {
	x.retry = s.now + retryEvery
	if x.all {
		return
	}
	s.count("", true)
	s.forget(x)
	x.all = true
	s.warn("backbone_wide", "site %s of the backbone wants more prefixes than there is room for (%d of one site, %d of all): everything is sent to it", x.title(), MaxPrefixes, maxAllPrefixes)
}

// forget removes all that a site wants.
func (s *Sites) forget(x *site) {
	for p := range x.set {
		s.count(p, false)
	}
	if x.all {
		s.count("", false)
	}
	s.room.give(len(x.set), x.bytes)
	x.set, x.bytes, x.all, x.digest = nil, 0, false, 0
}

// delta takes in a change of what a site wants.
func (s *Sites) delta(x *site, m *message) {
	x.latest = max(x.latest, m.version)
	if m.version != x.version+1 {
		return // it is known, or what is between is missing
	}
	m.list.each(func(p []byte) { s.put(x, p) })
	m.removed.each(func(p []byte) { s.drop(x, p) })
	x.version = m.version
	if x.part != nil && x.part.version <= x.version && !x.doubt {
		s.release(x)
	}
}

// release gives up the chunks that have arrived.
func (s *Sites) release(x *site) {
	if x.part != nil {
		s.room.give(len(x.part.set), x.part.bytes)
		x.part = nil
	}
}

// chunk takes in a part of a snapshot. One of another version than that before replaces it: chunks of one
// snapshot follow each other.
func (s *Sites) chunk(x *site, m *message) {
	if m.version <= x.version && !x.doubt {
		return
	}
	p := x.part
	if p == nil || p.version != m.version || len(p.got) != int(m.chunks) {
		s.release(x)
		p = &part{version: m.version, got: make([]bool, m.chunks), left: int(m.chunks), set: map[string]struct{}{}}
		x.part = p
	}
	if p.got[m.chunk] {
		return
	}
	p.got[m.chunk] = true
	p.left--
	m.list.each(func(prefix []byte) { s.collect(p, prefix) })
	if p.left == 0 {
		s.replace(x)
	}
}

// collect adds a prefix to a snapshot.
func (s *Sites) collect(p *part, prefix []byte) {
	if p.all {
		return
	}
	if _, known := p.set[string(prefix)]; known {
		return
	}
	if !s.room.take(len(p.set), p.bytes, len(prefix)) {
		s.room.give(len(p.set), p.bytes)
		p.set, p.bytes, p.all = nil, 0, true
		return
	}
	p.set[string(prefix)] = struct{}{}
	p.bytes += len(prefix)
}

// replace makes a complete snapshot what a site wants. What is wanted before and after is wanted all the time.
func (s *Sites) replace(x *site) {
	p := x.part
	x.part = nil
	x.version, x.doubt, x.low = p.version, false, 0
	x.latest = max(x.latest, x.version)
	if p.all {
		s.widen(x)
		return
	}
	digest := uint64(0)
	for prefix := range p.set {
		digest += hash(prefix)
		s.count(prefix, true)
	}
	s.forget(x)
	x.set, x.bytes, x.digest = p.set, p.bytes, digest
}

// state compares what is known of a site with what it says.
func (s *Sites) state(x *site, m *message) {
	x.wantsHello = x.info != m.info
	x.latest = m.version
	switch {
	case m.version > x.version:
		x.low = 0
	case m.version < x.version:
		if x.low++; x.low >= lowBeats { // fewer may have been overtaken on their way
			x.doubt = true
		}
	default:
		x.low = 0
		x.doubt = x.doubt || !x.all && m.digest != x.digest
	}
}
