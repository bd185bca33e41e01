package sites

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// kinds is the events of a node, by kind.
func (n *node) kinds() (all []string) {
	for _, e := range n.events {
		all = append(all, e.Kind)
	}
	return all
}

func TestASiteThatComesIsKnownAtOnceAndGoneWithItsGoodbye(t *testing.T) {
	b := newBus(t, 1)
	x := b.add("x")
	x.change([]string{"a/", "b/"}, nil)
	b.run(time.Second)
	y := b.add("y")
	y.change([]string{"b/"}, nil)
	b.run(500 * time.Millisecond)
	b.agree()
	require.Equal(t, []string{"backbone_site_came"}, x.kinds())
	require.Contains(t, x.events[0].Text, `site "y" (0000000000000002) of the backbone has joined`)
	y.Close()
	y.dead = true
	require.True(t, x.wanted["b/"])
	b.run(TickEvery)
	b.agree()
	require.Equal(t, []string{"backbone_site_came", "backbone_site_left"}, x.kinds())
	require.Empty(t, y.wanted, "a site that has left takes back what others want")
	y.Close()
	y.Hear(x.Sites.own.hello(0))
	require.Empty(t, y.List())
}

func TestWhatIsOvertakenByAGoodbyeDoesNotBringTheSiteBack(t *testing.T) {
	b := newBus(t, 1)
	x, y := b.add("x"), b.add("y")
	b.run(time.Second)
	late := y.Sites.own.beat()
	y.Close()
	y.dead = true
	b.run(time.Second)
	x.Hear(late)
	require.Empty(t, x.List())
	b.run(leftFor + time.Second)
	require.Empty(t, x.left, "this is not kept forever")
}

func TestASiteThatVanishesIsGoneAfterTenSeconds(t *testing.T) {
	b := newBus(t, 1)
	x, y := b.add("x"), b.add("y")
	y.change([]string{"a"}, nil)
	b.run(time.Second)
	y.kill()
	b.run(goneAfter - 3*time.Second)
	require.Len(t, x.List(), 1)
	require.True(t, x.wanted["a"])
	b.run(5 * time.Second)
	b.agree()
	require.Equal(t, []string{"backbone_site_came", "backbone_site_gone"}, x.kinds())
}

func TestARestartUnderTheSameNameIsNoConflictAndTwoThatLiveAre(t *testing.T) {
	b := newBus(t, 1)
	x, y := b.add("x"), b.add("y")
	b.run(time.Minute)
	y.kill()
	z := b.add("y")
	b.run(time.Minute)
	require.NotContains(t, x.kinds(), "backbone_same_name")
	require.NotContains(t, z.kinds(), "backbone_same_name")
	b.agree()
	w := b.add("y")
	b.run(30 * time.Second)
	for _, n := range []*node{x, z, w} {
		count := strings.Count(strings.Join(n.kinds(), " "), "backbone_same_name")
		require.Equal(t, 1, count, "%s says so once a minute", n.office())
	}
	b.agree()
}

func TestAProcessThatWasStoppedDoesNotTakeTheOthersForGone(t *testing.T) {
	b := newBus(t, 1)
	x, y := b.add("x"), b.add("y")
	y.change([]string{"a"}, nil)
	b.run(time.Second)
	x.frozen = true
	b.run(time.Minute)
	require.Empty(t, y.List())
	x.frozen = false
	b.run(5 * time.Second)
	b.agree()
	require.NotContains(t, x.kinds(), "backbone_site_gone")
}

func TestAFaultyStateIsFoundByItsDigestAndByItsVersion(t *testing.T) {
	b := newBus(t, 1)
	x, y := b.add("x"), b.add("y")
	y.change([]string{"a", "b"}, nil)
	b.run(time.Second)
	forged := &own{run: y.run, info: 1, set: map[string]struct{}{}, version: y.Sites.own.version}
	x.Hear(forged.change([]string{"forged"}, nil)[0])
	require.True(t, x.wanted["forged"])
	b.run(10 * time.Second)
	b.agree()
	forged.version = y.Sites.own.version - 1
	y.change([]string{"c"}, nil)
	b.inFlight = nil
	x.Hear(forged.change([]string{"forged2"}, nil)[0])
	forged.version = 1 << 60
	x.Hear(forged.change([]string{"forged3"}, nil)[0])
	b.run(10 * time.Second)
	b.agree()
}

func TestAForgedSnapshotOfAVersionFarAheadIsReplaced(t *testing.T) {
	b := newBus(t, 1)
	x, y := b.add("x"), b.add("y")
	y.change([]string{"a"}, nil)
	b.run(time.Second)
	forged := &own{run: y.run, info: 1, set: map[string]struct{}{"forged": {}}, version: 1 << 62}
	x.Hear(forged.snapshot()[0])
	require.True(t, x.wanted["forged"])
	b.run(20 * time.Second)
	b.agree()
	y.change([]string{"b"}, []string{"a"})
	b.run(time.Second)
	b.agree()
}

func TestWhatMayNotLeaveIsNotWanted(t *testing.T) {
	b := newBus(t, 1)
	x, y := b.add("x"), b.add("y")
	x.cfg.Export = [][]byte{[]byte(`"a/`), []byte(`"b/`)}
	y.change([]string{`"a/b`, `"c`, `"b/`, `"`}, nil)
	b.run(time.Second)
	require.Equal(t, map[string]bool{`"a/b`: true, `"a/`: true, `"b/`: true}, x.wanted)
	y.change(nil, []string{`"`, `"c`})
	b.run(time.Second)
	require.Equal(t, map[string]bool{`"a/b`: true, `"b/`: true}, x.wanted)
}

func TestASiteThatWantsTooMuchCountsAsOneThatWantsEverything(t *testing.T) {
	b := newBus(t, 1)
	x, y := b.add("x"), b.add("y")
	many := make([]string, MaxPrefixes+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	y.change(many[:MaxPrefixes], nil)
	b.run(time.Second)
	require.Len(t, x.wanted, MaxPrefixes)
	y.change(many[MaxPrefixes:], nil)
	b.run(time.Second)
	require.Equal(t, map[string]bool{"": true}, x.wanted)
	require.Contains(t, x.kinds(), "backbone_wide")
	require.True(t, x.List()[0].Everything)
	require.Zero(t, x.room)
	z := b.add("z")
	b.run(5 * time.Second)
	require.Equal(t, map[string]bool{"": true}, z.wanted, "by a snapshot as well")
	require.Zero(t, z.room)
	y.change(nil, many[:10])
	b.run(retryEvery + 10*time.Second)
	b.agree()
}

func TestRoutesTellWhatComesTwice(t *testing.T) {
	b := newBus(t, 1)
	x, y, z := b.add("x"), b.add("y"), b.add("z")
	b.run(time.Second)
	require.False(t, x.Overlaps(y.run))
	require.False(t, x.Overlaps(999))
	require.False(t, x.Redundant([]string{"third"}))
	require.True(t, x.Settled(y.run))
	require.False(t, x.Settled(999))
	x.routes.expect(999)
	require.False(t, x.Settled(y.run), "another one may bring the same")
	x.routes.forget(999)
	require.True(t, x.Settled(y.run))
	y.Route([]string{y.office(), "third"})
	z.Route([]string{z.office(), "third", "third", "fourth"})
	b.run(time.Second)
	require.True(t, x.Overlaps(y.run))
	require.True(t, x.Overlaps(z.run))
	require.False(t, x.Overlaps(x.run))
	require.True(t, x.Redundant([]string{y.office(), "elsewhere"}))
	require.False(t, x.Redundant([]string{"elsewhere", y.office()}), "it may have publishers of its own")
	require.False(t, x.Redundant([]string{"third"}), "it is no site")
	require.False(t, x.Redundant(nil))
	x.Route([]string{x.office(), "fourth"})
	z.kill()
	require.True(t, x.Overlaps(x.run), "at once")
	b.run(time.Minute)
	require.False(t, x.Overlaps(x.run))
	require.False(t, x.Overlaps(y.run))
	require.False(t, x.Overlaps(z.run))
	require.False(t, x.Redundant([]string{z.office()}))
	require.Equal(t, 4, y.routes.total)
}

func TestRoutesHaveABound(t *testing.T) {
	r := routes{own: 1, ways: map[uint64]*way{}, sites: map[string]int{}, through: map[string]int{}}
	for i := range uint64(100) {
		var offices []string
		for j := range maxOffices + 5 {
			offices = append(offices, fmt.Sprintf("%d.%d", i, j))
		}
		r.set(i, append(offices, strings.Repeat("x", maxOffice+1), "\xff"))
	}
	require.LessOrEqual(t, r.total, maxRoutes)
	require.LessOrEqual(t, len(r.through), maxRoutes)
	require.False(t, r.overlap(5))
	require.True(t, r.overlap(99), "what is not known may overlap")
	for i := range uint64(100) {
		r.forget(i)
	}
	require.Zero(t, r.total)
	require.Empty(t, r.through)
	require.Empty(t, r.sites)
}

func TestMoreSitesThanThereIsRoomForAreNotHeard(t *testing.T) {
	b := newBus(t, 1)
	x := b.add("x")
	for i := range uint64(MaxSites + 10) {
		x.Hear((&own{run: i + 100, info: 1}).beat())
	}
	require.Len(t, x.List(), MaxSites)
	require.EqualValues(t, 10, x.Stats().Refused)
	require.Equal(t, []string{"backbone_full"}, x.kinds())
	b.run(goneAfter + time.Second)
	require.Empty(t, x.List())
	require.Less(t, x.Stats().Asks, uint64(6*MaxSites), "with longer pauses each time")
}

func TestQuestionsAreAnsweredTogetherAndSnapshotsPaced(t *testing.T) {
	b := newBus(t, 1)
	x := b.add("x")
	x.change([]string{"a"}, nil)
	for range 100 {
		for i := range uint64(50) {
			x.Hear(append(begin(ask, 100+i), askSnapshot))
		}
		b.run(TickEvery)
	}
	require.LessOrEqual(t, x.Stats().Snapshots, uint64(5*time.Second/pause)+1)
	require.NotZero(t, x.Stats().Snapshots)
}

func TestAllMethodsMayBeCalledAtTheSameTime(t *testing.T) {
	var all sync.WaitGroup
	var s *Sites
	var mu sync.Mutex
	other := New(Config{Site: "y", Run: 2, Control: "c.", Now: func() time.Duration { return 0 },
		Want: func([]byte, bool) {}, OnEvent: func(notify.Event) {}, Send: func(_ string, data []byte) { s.Hear(data) }})
	began := time.Now()
	wanted := map[string]bool{}
	s = New(Config{Site: "x", Run: 1, Control: "c.", Now: func() time.Duration { return time.Since(began) },
		Want: func(p []byte, yes bool) {
			mu.Lock()
			defer mu.Unlock()
			s.Redundant(nil)
			if wanted[string(p)] = yes; !yes {
				delete(wanted, string(p))
			}
		}, OnEvent: func(notify.Event) { s.List() }, Send: func(string, []byte) { s.Stats() }})
	s.Start()
	other.Start()
	for i := range 4 {
		all.Go(func() {
			for j := range 200 {
				p := fmt.Sprintf("%d/%d", i, j)
				other.Change([]string{p}, nil)
				s.Change([]string{p}, nil)
				s.Tick()
				s.Route([]string{p})
				s.Overlaps(2)
				s.Away()
				s.Back()
			}
		})
	}
	all.Wait()
	require.Len(t, wanted, 800)
	s.Close()
	require.Empty(t, wanted)
}
