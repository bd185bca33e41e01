package relay

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// announcer is an outlet that keeps what its peers are told.
type announcer struct {
	carrier.Outlet
	told [][]string
}

func (a *announcer) AnnounceRoute(offices []string) { a.told = append(a.told, offices) }

func TestAPostOfficeTellsWhereItsMessagesComeFrom(t *testing.T) {
	c, a := newCycles(), &announcer{}
	require.NotEqual(t, c.own, newCycles().own)
	c.begin(a)
	require.Equal(t, [][]string{{c.own}}, a.told)
	require.NoError(t, c.hear(1, []string{"b", "a"}))
	require.NoError(t, c.hear(2, []string{"a"}))
	require.Equal(t, [][]string{{c.own}, {c.own, "a", "b"}}, a.told, "once for each change")
	c.forget(7)
	c.forget(1)
	require.Equal(t, []string{c.own, "a"}, a.told[2])
	require.Len(t, a.told, 3)
}

func TestACycleEndsTheConnection(t *testing.T) {
	c, a := newCycles(), &announcer{}
	c.begin(a)
	require.ErrorContains(t, c.hear(1, []string{"a", c.own, "b"}), "cycle")
	require.Len(t, a.told, 1, "what it has heard is not passed on")
}

func TestWhatIsToldIsBounded(t *testing.T) {
	c, a := newCycles(), &announcer{}
	c.begin(a)
	many := make([]string, 5*maxOffices)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	require.NoError(t, c.hear(1, many))
	require.Len(t, a.told[1], maxOffices)
	require.Equal(t, c.own, a.told[1][0])
}

func TestACycleIsAnnouncedOnceAMinute(t *testing.T) {
	c := newCycles()
	require.True(t, c.due("tcp://a:1"))
	require.False(t, c.due("tcp://a:1"))
	require.True(t, c.due("tcp://b:1"))
	for i := range 2 * maxOffices {
		c.due(fmt.Sprint(i))
		require.LessOrEqual(t, len(c.warned), maxOffices)
	}
}
