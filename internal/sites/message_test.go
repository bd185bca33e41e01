package sites

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func strs(l list) (all []string) {
	l.each(func(p []byte) { all = append(all, string(p)) })
	return all
}

func newOwn() *own {
	return &own{run: 7, name: "north", offices: []string{"a", "b"}, durable: []string{"d/"}, info: 3, set: map[string]struct{}{}}
}

func TestAHelloIsReadAsItWasWritten(t *testing.T) {
	o := newOwn()
	o.version, o.digest = 5, 1<<63
	m, ok := read(o.hello(answerWithBeat))
	require.True(t, ok)
	require.Equal(t, []string{"a", "b"}, strs(m.list))
	require.Equal(t, []string{"d/"}, strs(m.durable))
	m.list, m.durable = list{}, list{}
	require.Equal(t, message{kind: hello, flags: answerWithBeat, run: 7, info: 3, version: 5, digest: 1 << 63, name: "north"}, m)
}

func TestDeltasAndSnapshotsGiveTheSameAndHaveBounds(t *testing.T) {
	o, set := newOwn(), map[string]bool{}
	var add []string
	for i := range 3000 {
		add = append(add, fmt.Sprintf("%d%s", i, strings.Repeat("x", i%MaxPrefix)))
	}
	add = append(add, "", strings.Repeat("y", MaxPrefix), strings.Repeat("y", MaxPrefix+1))
	add[2999] = "0"
	deltas := o.change(add, nil)
	deltas = append(deltas, o.change(nil, add[:500])...)
	require.Empty(t, o.change(nil, add[:500]), "what has no effect is not told")
	for i, d := range deltas {
		m, ok := read(d)
		require.True(t, ok, "delta %d of %d bytes", i, len(d))
		require.LessOrEqual(t, len(d), fullMessage+MaxPrefix+8)
		require.Equal(t, uint64(i+1), m.version)
		for _, p := range strs(m.list) {
			set[p] = true
		}
		for _, p := range strs(m.removed) {
			delete(set, p)
		}
	}
	var all []string
	for i, c := range o.snapshot() {
		m, ok := read(c)
		require.True(t, ok)
		require.LessOrEqual(t, len(c), fullMessage+MaxPrefix+8)
		require.Equal(t, []uint64{uint64(i), uint64(len(o.chunks)), o.version}, []uint64{uint64(m.chunk), uint64(m.chunks), m.version})
		all = append(all, strs(m.list)...)
	}
	require.True(t, slices.IsSorted(all))
	require.ElementsMatch(t, keysOf(set), all)
	digest := uint64(0)
	for p := range set {
		digest += hash(p)
	}
	require.Equal(t, digest, o.digest)
}

func TestTheSnapshotOfNothingIsOneChunk(t *testing.T) {
	o := newOwn()
	require.Len(t, o.snapshot(), 1)
	m, ok := read(o.snapshot()[0])
	require.True(t, ok)
	require.Empty(t, strs(m.list))
}

func TestWhatIsCutOrGoesOnIsMalformed(t *testing.T) {
	o := newOwn()
	whole := append(o.change([]string{"a", "bc"}, nil), o.hello(0), o.beat(), append(begin(ask, 7), 3), begin(goodbye, 7))
	whole = append(whole, o.snapshot()...)
	for _, m := range whole {
		_, ok := read(m)
		require.True(t, ok)
		for n := range len(m) {
			_, ok := read(m[:n])
			require.False(t, ok, "kind %d, %d of %d bytes", m[3], n, len(m))
		}
		_, ok = read(append(slices.Clone(m), 0))
		require.False(t, ok)
	}
	for name, m := range map[string][]byte{
		"kind":           begin(7, 7),
		"version":        append([]byte("hs\x02"), begin(beat, 7)[3:]...),
		"no info":        (&own{}).hello(0),
		"beat, no info":  (&own{}).beat(),
		"name":           (&own{name: "\xff", info: 1}).hello(0),
		"long name":      (&own{name: strings.Repeat("n", maxName+1), info: 1}).hello(0),
		"delta 0":        append(appendUint64s(begin(delta, 7), 0), 0, 0),
		"chunk 1 of 1":   append(appendUint64s(begin(snapshot, 7), 1), 0, 0, 0, 1, 0, 0, 0, 1, 0),
		"no chunks":      append(appendUint64s(begin(snapshot, 7), 1), 0, 0, 0, 0, 0, 0, 0, 0, 0),
		"many chunks":    append(appendUint64s(begin(snapshot, 7), 1), 0, 0, 0, 0, 0, 1, 0, 0, 0),
		"long list":      append(appendUint64s(begin(delta, 7), 1), 200, 1, 0),
		"long message":   append(appendUint64s(begin(delta, 7), 1), make([]byte, maxMessage)...),
		"long prefix":    append(appendList(appendUint64s(begin(delta, 7), 1), []string{strings.Repeat("p", MaxPrefix+1)}), 0),
		"large number":   append(appendUint64s(begin(delta, 7), 1), 255, 255, 255, 255, 255, 255, 255, 255, 255, 1),
		"endless number": append(appendUint64s(begin(delta, 7), 1), 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1),
	} {
		_, ok := read(m)
		require.False(t, ok, name)
	}
}
