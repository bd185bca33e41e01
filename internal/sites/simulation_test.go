package sites

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// bus carries messages between simulated sites, at simulated times, and does to them what chance says.
type bus struct {
	t         testing.TB
	random    *rand.Rand
	now       time.Duration
	loss      float64       // of messages, for each receiver
	repeat    float64       // of messages, twice
	delay     time.Duration // up to which each takes; they overtake each other
	inFlight  []flight      // by time
	nodes     []*node
	next      uint64 // run of the next node
	delivered int
	carried   int // bytes
}

type flight struct {
	at   time.Duration
	to   *node
	data []byte
}

// node is one run of a site.
type node struct {
	*Sites
	bus    *bus
	name   string
	run    uint64
	group  int // nodes of different groups do not reach each other
	frozen bool
	dead   bool
	own    map[string]bool // what it wants
	wanted map[string]bool // what others want, as it has been told
	events []notify.Event
}

func newBus(t testing.TB, seed uint64) *bus {
	return &bus{t: t, random: rand.New(rand.NewPCG(seed, 7)), delay: 5 * time.Millisecond, next: 1}
}

// add starts a site.
func (b *bus) add(name string, durable ...string) *node {
	n := &node{bus: b, name: name, run: b.next, own: map[string]bool{}, wanted: map[string]bool{}}
	b.next++
	n.Sites = New(Config{Site: name, Run: n.run, Control: "hermes.c.", Durable: durable, Send: n.send, Want: n.want,
		OnEvent: func(e notify.Event) { n.events = append(n.events, e) },
		Now:     func() time.Duration { return b.now }, Random: rand.New(rand.NewPCG(n.run, b.random.Uint64()))})
	b.nodes = append(b.nodes, n)
	n.Route([]string{n.office()})
	n.Start()
	return n
}

func (n *node) office() string { return fmt.Sprintf("%016x", n.run) }

func (n *node) want(prefix []byte, yes bool) {
	require.NotEqual(n.bus.t, yes, n.wanted[string(prefix)], "each change is told once")
	if n.wanted[string(prefix)] = yes; !yes {
		delete(n.wanted, string(prefix))
	}
}

// send puts a message on its way to all sites that have subscribed to its subject.
func (n *node) send(subject string, data []byte) {
	b := n.bus
	require.LessOrEqual(b.t, len(data), maxMessage)
	for _, to := range b.nodes {
		if to.dead || to == n || to.group != n.group || !slices.Contains(to.Subjects(), subject) {
			continue
		}
		copies := 1
		if b.random.Float64() < b.repeat {
			copies++
		}
		for range copies {
			if b.random.Float64() >= b.loss {
				b.inFlight = append(b.inFlight, flight{b.now + time.Duration(b.random.Int64N(int64(b.delay))), to, slices.Clone(data)})
			}
		}
	}
}

// run lets time pass.
func (b *bus) run(span time.Duration) {
	for end := b.now + span; b.now < end; {
		b.now += TickEvery
		slices.SortStableFunc(b.inFlight, func(x, y flight) int { return cmp.Compare(x.at, y.at) })
		var due []flight
		for len(b.inFlight) > 0 && b.inFlight[0].at <= b.now {
			due = append(due, b.inFlight[0])
			b.inFlight = b.inFlight[1:]
		}
		for _, f := range due {
			switch {
			case f.to.dead:
			case f.to.frozen:
				b.inFlight = append(b.inFlight, flight{b.now + TickEvery, f.to, f.data})
			default:
				b.delivered++
				b.carried += len(f.data)
				f.to.Hear(f.data)
			}
		}
		for _, n := range b.nodes {
			if !n.dead && !n.frozen {
				n.Tick()
			}
		}
	}
}

// change changes what a site wants.
func (n *node) change(add, remove []string) {
	for _, p := range add {
		n.own[p] = true
	}
	for _, p := range remove {
		delete(n.own, p)
	}
	n.Change(add, remove)
}

// kill ends a site without a goodbye.
func (n *node) kill() { n.dead = true }

// alive is the sites that are there.
func (b *bus) alive() []*node {
	return slices.DeleteFunc(slices.Clone(b.nodes), func(n *node) bool { return n.dead })
}

// agree demands that all sites know the same.
func (b *bus) agree() {
	for _, n := range b.alive() {
		wanted := map[string]bool{}
		var names, known []string
		for _, other := range b.alive() {
			if other == n {
				continue
			}
			for p := range other.own {
				wanted[p] = true
			}
			names = append(names, fmt.Sprintf("%s %x %d", other.name, other.run, len(other.own)))
			require.True(b.t, n.Redundant([]string{other.office(), "x"}))
		}
		for _, s := range n.List() {
			known = append(known, fmt.Sprintf("%s %x %d", s.Name, s.Run, s.Prefixes))
			require.True(b.t, s.Current, "%s of %s", s.Name, n.name)
		}
		slices.Sort(names)
		slices.Sort(known)
		require.Equal(b.t, names, known, "at %s", n.name)
		require.Equal(b.t, wanted, n.wanted, "at %s", n.name)
		require.Equal(b.t, len(wanted), n.Stats().Remote)
		require.False(b.t, n.Redundant([]string{n.office()}))
	}
}

// asks counts the questions of all sites.
func (b *bus) asks() (n uint64) {
	for _, s := range b.alive() {
		n += s.Stats().Asks
	}
	return n
}

// act lets something happen by chance.
func (b *bus) act() {
	all := b.alive()
	n := all[b.random.IntN(len(all))]
	switch b.random.IntN(24) {
	case 0:
		if len(b.alive()) < 8 {
			b.add(fmt.Sprintf("new%d", b.next))
		}
	case 1:
		if len(b.alive()) > 2 {
			n.Close()
			n.dead = true
		}
	case 2:
		n.kill()
		b.add(n.name)
	case 3:
		n.group = b.random.IntN(3)
	case 4:
		n.group = 0
	case 5:
		n.frozen = true
	case 6:
		n.frozen = false
	case 7:
		n.Away()
		n.group = int(n.run) + 10
	case 8:
		n.group = 0
		n.Back()
	case 9:
		n.Hear([]byte("hs\x01\x02 what is this"))
	case 10:
		n.Route([]string{n.office(), fmt.Sprint(b.random.IntN(5))})
	default:
		b.changeSome(n)
	}
}

// changeSome changes what a site wants, sometimes so much that it takes several messages.
func (b *bus) changeSome(n *node) {
	var add, remove []string
	long := ""
	if b.random.IntN(10) == 0 {
		long = strings.Repeat("x", 3000)
	}
	for range b.random.IntN(30) {
		p := fmt.Sprintf("%d%s", b.random.IntN(60), long)
		if b.random.IntN(2) == 0 {
			add = append(add, p)
			remove = slices.DeleteFunc(remove, func(r string) bool { return r == p })
		} else {
			remove = append(remove, p)
			add = slices.DeleteFunc(add, func(a string) bool { return a == p })
		}
	}
	n.change(add, remove)
}

func TestAllSitesAgreeOnceItIsQuietWhateverHappensBefore(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			b := newBus(t, seed)
			for i := range 4 {
				b.add(fmt.Sprintf("site%d", i))
			}
			b.loss = []float64{0, 0.02, 0.3}[seed%3]
			b.repeat = []float64{0, 0.2}[seed%2]
			b.delay = []time.Duration{time.Millisecond, 400 * time.Millisecond}[seed/2%2]
			for range 150 {
				b.act()
				b.run(time.Duration(b.random.IntN(1500)) * time.Millisecond)
			}
			b.loss, b.repeat = 0, 0
			for _, n := range b.alive() {
				n.group, n.frozen = 0, false
				if n.away || seed%2 == 0 {
					n.Back()
				}
			}
			b.run(40 * time.Second)
			b.agree()
			asks := b.asks()
			b.run(20 * time.Second)
			b.agree()
			require.Equal(t, asks, b.asks(), "no site asks when all know everything")
		})
	}
}

func TestASiteThatComesBackIsRightAgainWithoutWantsThatEnd(t *testing.T) {
	b := newBus(t, 1)
	x, y := b.add("x"), b.add("y")
	b.run(time.Second)
	x.change([]string{"a", "b"}, nil)
	b.run(time.Second)
	b.agree()
	y.Away()
	y.group = 1
	x.change([]string{"c"}, []string{"a"})
	b.run(60 * time.Second)
	require.Equal(t, map[string]bool{"a": true, "b": true}, y.wanted, "silence counts for nothing while NATS is away")
	require.Empty(t, x.List(), "and counts at the other side")
	y.group = 0
	y.Back()
	b.run(5 * time.Second)
	b.agree()
}

func TestManySitesThatComeAtOnceNeedFewMessages(t *testing.T) {
	b := newBus(t, 3)
	const many = 40
	for i := range many {
		n := b.add(fmt.Sprintf("site%d", i))
		for j := range 100 {
			n.own[fmt.Sprintf("%d/%d", i, j)] = true
		}
		n.Change(keysOf(n.own), nil)
	}
	b.run(10 * time.Second)
	b.agree()
	sent := uint64(0)
	for _, n := range b.nodes {
		sent += n.Stats().Sent
	}
	t.Logf("%d sites with 100 prefixes each: %d messages sent, %d delivered, %d bytes, %d asks", many, sent, b.delivered, b.carried, b.asks())
	require.Less(t, sent, uint64(many*(5+4+many)), "beats, answers, and a question for each other at most")
}

func keysOf(m map[string]bool) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}
