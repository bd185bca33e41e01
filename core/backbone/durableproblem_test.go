package backbone

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAProblemOfDurableTopicsIsToldInTheEnd(t *testing.T) {
	var p durableProblem
	var told []string
	tell := func() {
		p.tell(func(level, text string) { told = append(told, level+" "+text) })
	}
	tell()
	p.note("first", true)
	tell()
	tell()
	p.note("second", true)
	tell()
	require.Equal(t, []string{"warning first"}, told, "once a minute at most")
	p.limit.Expire()
	tell()
	p.note("", false)
	tell()
	tell()
	require.Equal(t, []string{"warning second", "info durable topics work again"}, told[1:])
	p.note("untold", true)
	tell()
	p.note("", false)
	tell()
	require.Len(t, told, 3, "what was not told is not over")
}

func TestAProblemThatMayBeOverSoonIsToldWhenItLasts(t *testing.T) {
	var p durableProblem
	var told []string
	tell := func() {
		p.tell(func(level, text string) { told = append(told, level+" "+text) })
	}
	p.note("no leader", false)
	tell()
	p.note("", false)
	tell()
	require.Empty(t, told, "an election")
	p.note("no leader", false)
	p.since = p.since.Add(-lasting)
	p.note("no stream", false)
	tell()
	require.Equal(t, []string{"warning no stream"}, told)
	p.note("", false)
	tell()
	p.limit.Expire()
	p.note("no stream", false)
	tell()
	require.Len(t, told, 2, "it begins anew")
	p.note("full", true)
	tell()
	require.Equal(t, "warning full", told[2])
}
