package sites

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// difference is what two sites do not have in common of the prefixes of durable topics.
type difference struct {
	here, there []string // that only this site has, and only the other one; sorted
	told        bool
}

// toldDurable are those prefixes that others are told of, sorted: a hello must not become too long.
func toldDurable(all []string) (told []string) {
	for _, p := range all {
		if len(p) <= MaxPrefix {
			told = append(told, p)
		}
	}
	slices.Sort(told)
	told = slices.Compact(told)
	return told[:min(fitting(told, fullMessage/2), maxDurable)]
}

// set compares the prefixes of this site with those of the other one.
func (d *difference) set(own []string, others list) {
	all := make([]string, 0, others.n)
	others.each(func(p []byte) { all = append(all, string(p)) })
	slices.Sort(all)
	here, there := without(own, all), without(all, own)
	if !slices.Equal(here, d.here) || !slices.Equal(there, d.there) {
		*d = difference{here: here, there: there}
	}
}

// without is what is in all and not in others, which are sorted.
func without(all, others []string) (left []string) {
	for _, s := range all {
		if _, found := slices.BinarySearch(others, s); !found {
			left = append(left, s)
		}
	}
	return left
}

// open reports whether there is a difference that was not told.
func (d *difference) open() bool { return !d.told && len(d.here)+len(d.there) > 0 }

// warnDurable tells which sites have other durable topics: of as many as there are, once a minute at most.
func (s *Sites) warnDurable() {
	if !s.due("backbone_durable") {
		return
	}
	var first *site
	n := 0
	for _, x := range s.sites {
		if !x.durable.open() {
			continue
		}
		if n++; first == nil || x.title() < first.title() {
			first = x
		}
	}
	if n == 0 {
		return
	}
	for _, x := range s.sites {
		x.durable.told = true
	}
	var what []string
	if d := first.durable.here; len(d) > 0 {
		what = append(what, "does not have the durable topics "+quoted(d))
	}
	if d := first.durable.there; len(d) > 0 {
		what = append(what, "has the durable topics "+quoted(d)+", which this one does not have")
	}
	more := ""
	if n == 2 {
		more = " (1 more site differs from this one as well)"
	} else if n > 2 {
		more = fmt.Sprintf(" (%d more sites differ from this one as well)", n-1)
	}
	s.warned["backbone_durable"] = s.now
	s.out.events = append(s.out.events, notify.Event{Kind: "backbone_durable", Level: notify.Warning, Text: fmt.Sprintf(
		"site %s of the backbone %s%s: a site without them gets none of these messages, and what is published there reaches no other durably; name the same durable topics at all sites",
		first.title(), strings.Join(what, ", and "), more)})
}

// quoted shows the first of some prefixes.
func quoted(prefixes []string) string {
	const most = 3
	var out []string
	for _, p := range prefixes[:min(len(prefixes), most)] {
		out = append(out, fmt.Sprintf("%.80q", p))
	}
	if n := len(prefixes) - most; n > 0 {
		out = append(out, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(out, ", ")
}
