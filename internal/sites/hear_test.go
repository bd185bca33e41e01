package sites

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// audit demands that what is counted is what is there, and within the bounds.
func audit(t *testing.T, s *Sites) {
	prefixes, bytes, names, offices := 0, 0, map[string]int{}, len(s.routes.of(s.cfg.Run))
	counted := map[string]int{}
	sum := func(set map[string]struct{}, size int) {
		require.LessOrEqual(t, len(set), MaxPrefixes)
		require.LessOrEqual(t, size, MaxBytes)
		for p := range set {
			bytes += len(p)
			size -= len(p)
		}
		require.Zero(t, size)
		prefixes += len(set)
	}
	for run, x := range s.sites {
		require.Equal(t, run, x.run)
		sum(x.set, x.bytes)
		digest := uint64(0)
		for p := range x.set {
			digest += hash(p)
			counted[p]++
		}
		if x.all {
			require.Empty(t, x.set)
			counted[""]++
		} else {
			require.Equal(t, digest, x.digest)
		}
		if x.part != nil {
			require.LessOrEqual(t, len(x.part.got), maxChunks)
			sum(x.part.set, x.part.bytes)
		}
		if x.info != 0 {
			names[x.name]++
		}
		offices += len(s.routes.of(run))
	}
	require.Equal(t, room{prefixes, bytes}, s.room)
	require.LessOrEqual(t, prefixes, maxAllPrefixes)
	require.LessOrEqual(t, len(s.sites), MaxSites)
	require.LessOrEqual(t, len(s.left), MaxSites)
	require.LessOrEqual(t, len(s.askers), MaxSites)
	require.Equal(t, names, s.names)
	require.Equal(t, offices, s.routes.total)
	require.Equal(t, len(counted), s.wanted.Len())
	for p, n := range counted {
		require.Equal(t, n, s.wanted.Count([]byte(p)))
	}
}

// heard is a site that hears one message after another, each with its length of two bytes in front; a length
// beyond what is there is a pause instead.
func heard(t *testing.T, data []byte) *Sites {
	now := time.Duration(0)
	wanted := map[string]bool{}
	s := New(Config{Site: "x", Run: 1, Control: "c.", Send: func(string, []byte) {}, OnEvent: func(notify.Event) {},
		Now: func() time.Duration { return now },
		Want: func(p []byte, yes bool) {
			require.NotEqual(t, yes, wanted[string(p)])
			wanted[string(p)] = yes
		}})
	s.Start()
	for len(data) >= 2 {
		n := int(binary.BigEndian.Uint16(data))
		data = data[2:]
		if n > len(data) {
			now += time.Duration(n) * time.Millisecond
			s.Tick()
			continue
		}
		s.Hear(data[:n])
		data = data[n:]
	}
	require.Equal(t, len(s.sites), len(s.List()))
	return s
}

// joined puts lengths in front of messages.
func joined(messages ...[]byte) (all []byte) {
	for _, m := range messages {
		all = append(binary.BigEndian.AppendUint16(all, uint16(len(m))), m...)
	}
	return all
}

func FuzzHear(f *testing.F) {
	o := newOwn()
	one := o.change([]string{"a", "b", ""}, nil)[0]
	f.Add(joined(o.hello(1), one, o.beat(), o.snapshot()[0], append(begin(ask, 7), 3), begin(goodbye, 7), o.beat()))
	other := &own{run: 9, name: "north", info: 1, offices: []string{"a"}, set: map[string]struct{}{"a": {}}, version: 4}
	f.Add(append(joined(other.snapshot()[0], other.hello(0), one), 255, 255, 0x10, 0))
	f.Add([]byte{0, 1, 'h', 200, 200, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := heard(t, data)
		audit(t, s)
		s.Close()
		require.Zero(t, s.wanted.Len())
		require.Zero(t, s.room)
	})
}

func TestWhateverIsHeardTheBoundsHold(t *testing.T) {
	b := newBus(t, 5)
	x := b.add("x")
	for i := range 300 {
		o := &own{run: uint64(100 + b.random.IntN(50)), name: fmt.Sprint("n", b.random.IntN(5)), info: b.random.Uint64N(5), set: map[string]struct{}{}, version: b.random.Uint64N(3)}
		for range b.random.IntN(8) {
			o.offices = append(o.offices, fmt.Sprint(b.random.IntN(20)))
		}
		var add []string
		for j := range b.random.IntN(400) {
			add = append(add, fmt.Sprint(b.random.IntN(1000)*1000+j))
		}
		messages := o.change(add, nil)
		messages = append(messages, o.snapshot()...)
		messages = append(messages, o.hello(byte(b.random.IntN(2))), o.beat())
		for _, m := range messages {
			if b.random.IntN(4) > 0 {
				x.Hear(m)
			}
		}
		if i%50 == 0 {
			b.run(300 * time.Millisecond)
			audit(t, x.Sites)
		}
	}
	audit(t, x.Sites)
}

func TestAllSitesTogetherHaveABound(t *testing.T) {
	b := newBus(t, 5)
	x := b.add("x")
	long := strings.Repeat("x", MaxPrefix-8)
	var add []string
	for i := range MaxBytes/MaxPrefix - 1 {
		add = append(add, fmt.Sprintf("%08d%s", i, long))
	}
	const most = maxAllBytes / MaxBytes
	for i := range most + 3 {
		o := &own{run: uint64(100 + i), set: map[string]struct{}{}}
		messages := o.change(add, nil)
		if i%2 == 1 {
			messages = o.snapshot()
		}
		for _, m := range messages {
			x.Hear(m)
		}
		require.Equal(t, i >= most, len(x.kinds()) > 0, "the bytes of %d sites", i+1)
	}
	audit(t, x.Sites)
	require.Equal(t, []string{"backbone_wide"}, x.kinds())
	require.True(t, x.wanted[""])
}
