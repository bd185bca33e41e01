package dedup

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// consumer does with a Merger what its package says, and keeps what came of it.
type consumer struct {
	*Merger[string]
	now, hold  int64
	out        strings.Builder
	delivered  map[string][]uint32
	lost       uint64
	duplicates int
	overflow   int
}

func newConsumer(paths int, hold int64) *consumer {
	c := &consumer{Merger: New[string](paths, 0), hold: hold, delivered: map[string][]uint32{}}
	for p := range paths {
		c.SetConnected(p, true, 0)
	}
	return c
}

func (c *consumer) deliver(topic string, number, lost uint32) {
	if lost > 0 {
		fmt.Fprintf(&c.out, " lost:%d", lost)
	}
	fmt.Fprintf(&c.out, " %s%d", topic, number)
	c.lost += uint64(lost)
	c.delivered[topic] = append(c.delivered[topic], number)
}

// bring hands in one copy over a path.
func (c *consumer) bring(path int, topic string, number uint32, cached bool, ts float64) {
	c.Hear(path, c.now, c.hold)
	s := c.Stream(7, []byte(`"o"`), []byte(topic))
	switch v, lost := c.Judge(s, path, number, cached, ts); v {
	case Due:
		c.deliver(topic, number, lost)
	case Again:
		c.again(topic, number)
	case Early:
		if size := int64(len(topic)); c.Room(size) {
			c.Hold(s, Copy[string]{Number: number, Cached: cached, Size: size, Value: topic})
		} else {
			c.overflow++
		}
	}
	c.take(s)
}

func (c *consumer) again(topic string, number uint32) {
	fmt.Fprintf(&c.out, " drop:%s%d", topic, number)
	c.duplicates++
}

func (c *consumer) take(s *Stream[string]) {
	for c.Ripe(s) {
		c.takeOne(s)
	}
}

func (c *consumer) takeOne(s *Stream[string]) {
	copy, fresh, lost := c.Take(s)
	if fresh {
		c.deliver(copy.Value, copy.Number, lost)
	} else {
		c.again(copy.Value, copy.Number)
	}
}

// takeAll takes what the given streams hold: only what is ripe, or all.
func (c *consumer) takeAll(streams iter.Seq[*Stream[string]], all bool) {
	for s := range streams {
		for s.Held() > 0 && (all || c.Ripe(s)) {
			c.takeOne(s)
		}
	}
}

// TestScripts runs testdata. The commands are:
//
//	new paths=N hold=T            a merger whose paths are connected, at time 0
//	bring path=P [cached] [ts=S]  copies, one a line: topic, first number, last number
//	connect path=P, disconnect path=P
//	at T                          lets time pass, and gives up what is overdue
//	skip-gaps                     after a change of subscriptions
//	end                           takes everything that is held
//
// The output is what was delivered (t5), given up (lost:2) and dropped (drop:t5), and how
// many copies are held.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var c *consumer
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var p int
			d.MaybeScanArgs(t, "path", &p)
			switch d.Cmd {
			case "new":
				var hold int64
				d.ScanArgs(t, "hold", &hold)
				d.ScanArgs(t, "paths", &p)
				c = newConsumer(p, hold)
				return ""
			case "bring":
				ts := 1.0
				var text string
				if d.MaybeScanArgs(t, "ts", &text) {
					ts, _ = strconv.ParseFloat(text, 64)
				}
				for _, line := range strings.Split(d.Input, "\n") {
					var topic string
					var first, last uint32
					_, err := fmt.Sscan(line, &topic, &first, &last)
					require.NoError(t, err, d.Pos)
					for n := first; ; n++ {
						c.bring(p, topic, n, d.HasArg("cached"), ts)
						if n == last {
							break
						}
					}
				}
			case "connect", "disconnect":
				c.SetConnected(p, d.Cmd == "connect", c.now)
			case "at":
				_, err := fmt.Sscan(d.CmdArgs[0].Key, &c.now)
				require.NoError(t, err, d.Pos)
				c.takeAll(c.GiveUp(c.now, c.hold), false)
			case "skip-gaps":
				c.SkipGaps()
			case "end":
				c.takeAll(c.Waiting(), true)
			default:
				d.Fatalf(t, "no command %q", d.Cmd)
			}
			out := strings.TrimSpace(c.out.String())
			c.out.Reset()
			return strings.TrimSpace(fmt.Sprintf("%s held:%d", out, c.Held())) + "\n"
		})
	})
}

func TestReorderBuffersAreBounded(t *testing.T) {
	c := newConsumer(2, 1<<40)
	c.bring(0, "t", 0, false, 1)
	for n := uint32(2); n < 2*MaxHeld; n++ {
		c.bring(0, "t", n, false, 1)
	}
	require.Equal(t, MaxHeld, c.Held())
	require.Equal(t, MaxHeld-2, c.overflow)
	for n := range uint32(2 * MaxHeld) {
		c.bring(1, "t", n, false, 1)
	}
	require.Len(t, c.delivered["t"], 2*MaxHeld, "the other path has brought the rest")
	require.Zero(t, c.lost)

	require.True(t, c.Room(1<<40), "one copy can always be held")
	s := c.Stream(7, nil, []byte("big"))
	c.Hold(s, Copy[string]{Number: 5, Size: MaxHeldBytes})
	require.False(t, c.Room(1))
}

func TestStreamsThatWaitAreNotForgotten(t *testing.T) {
	c := newConsumer(2, 1<<40)
	const most = maxStreams + 2*MaxHeld
	for i := range most {
		n := uint32(0)
		if i < MaxHeld {
			n = 1 // is held
		}
		c.bring(0, fmt.Sprint(i), n, false, 1)
	}
	require.Equal(t, MaxHeld, c.Held())
	require.LessOrEqual(t, c.streams.Len(), 2*maxStreams)
	require.Len(t, c.delivered, most-MaxHeld)
	for i := range MaxHeld {
		c.bring(1, fmt.Sprint(i), 0, false, 1)
	}
	for i := range MaxHeld {
		require.Equal(t, []uint32{0, 1}, c.delivered[fmt.Sprint(i)])
	}
	require.Zero(t, c.Held())
}

// TestPathsThatLoseDifferentThings is the whole story at random: several paths, each of
// which is late, fails for a while and comes back. What at least one of them brings is
// delivered, once and in order; and what none brings is counted.
func TestPathsThatLoseDifferentThings(t *testing.T) {
	type copyOf struct {
		topic  string
		number uint32
	}
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		paths := 2 + random.IntN(2)
		c := newConsumer(paths, 1<<40)
		const topics, each = 3, 200
		queues := make([][]copyOf, paths)
		want := map[string][]uint32{}
		var lost uint64
		down := make([]int, paths)
		for n := range uint32(each) {
			for k := range topics {
				one := copyOf{strconv.Itoa(k), n}
				brought := false
				for p := range paths {
					if down[p] > 0 {
						down[p]--
						continue
					}
					if n > 0 && random.IntN(40) == 0 && n < each-20 {
						down[p] = random.IntN(10 * topics)
						continue
					}
					queues[p], brought = append(queues[p], one), true
				}
				if brought {
					want[one.topic] = append(want[one.topic], n)
				} else {
					lost++
				}
			}
		}
		for left := paths; left > 0; {
			p := random.IntN(paths)
			k := min(1+random.IntN(60), len(queues[p]))
			for _, one := range queues[p][:k] {
				c.bring(p, one.topic, one.number, false, 1)
			}
			if queues[p] = queues[p][k:]; k > 0 && len(queues[p]) == 0 {
				left--
			}
		}
		require.Equal(t, want, c.delivered, "seed %d", seed)
		require.Equal(t, lost, c.lost, "seed %d", seed)
		require.Zero(t, c.Held()+c.overflow, "seed %d", seed)
	}
}
