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
	p.note("first")
	tell()
	tell()
	p.note("second")
	tell()
	require.Equal(t, []string{"warning first"}, told, "once a minute at most")
	p.limit.Expire()
	tell()
	p.note("")
	tell()
	tell()
	require.Equal(t, []string{"warning second", "info durable topics work again"}, told[1:])
	p.note("untold")
	tell()
	p.note("")
	tell()
	require.Len(t, told, 3, "what was not told is not over")
}
