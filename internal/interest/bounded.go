package interest

import "slices"

// MaxEntries and MaxBytes bound what is handed out one by one, of prefixes and of filters. Beyond that
// everything is wanted, until there are a quarter fewer: so a number near the bound does not change
// between the two again and again.
const (
	MaxEntries = 100_000
	MaxBytes   = 8 << 20
)

// bounded is an antichain whose tops are replaced by everything while there are too many.
type bounded struct {
	antichain
	everything []string // what then takes their place; no two begin the same string
	over       bool     // it has
}

// limit turns what a settle has given into what is handed out.
func (b *bounded) limit(added, removed []string) (_, _ []string) {
	was := b.over
	if was {
		b.over = b.tops.Len() > MaxEntries*3/4 || b.tops.Bytes() > MaxBytes*3/4
	} else {
		b.over = b.tops.Len() > MaxEntries || b.tops.Bytes() > MaxBytes
	}
	switch {
	case b.over && was:
		return nil, nil
	case b.over:
		before := b.before(added, removed)
		return without(b.everything, before), without(keys(before), set(b.everything))
	case was:
		now := set(b.list())
		return without(keys(now), set(b.everything)), without(b.everything, now)
	}
	return added, removed
}

// before is the tops before a settle with this result.
func (b *bounded) before(added, removed []string) map[string]bool {
	all := set(b.list())
	for _, s := range added {
		delete(all, s)
	}
	for _, s := range removed {
		all[s] = true
	}
	return all
}

// now is what has been handed out, all together; the caller may change it.
func (b *bounded) now() []string {
	if b.over {
		return slices.Clone(b.everything)
	}
	return b.list()
}

// list is the tops.
func (b *bounded) list() []string {
	all := make([]string, 0, b.tops.Len())
	b.tops.Under(nil, func(s []byte) { all = append(all, string(s)) })
	return all
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

func keys(m map[string]bool) []string {
	list := make([]string, 0, len(m))
	for s := range m {
		list = append(list, s)
	}
	return list
}

// without is what is in list and not in m.
func without(list []string, m map[string]bool) (out []string) {
	for _, s := range list {
		if !m[s] {
			out = append(out, s)
		}
	}
	return out
}
