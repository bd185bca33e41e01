package admission

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAClockIsSuspectedWhereAllAgesAreAlike(t *testing.T) {
	var c clockCheck
	require.Equal(t, Suspicion{1, 100}, c.old([]byte(`"behind"`), 100))
	require.Equal(t, Suspicion{2, 90}, c.old([]byte(`"behind"`), 90))
	require.Equal(t, Suspicion{3, 90}, c.old([]byte(`"behind"`), 120))
	require.Zero(t, c.old([]byte(`"behind"`), 140), "they grow older")
	require.Zero(t, c.old([]byte(`"behind"`), 100), "and once they have, it knows")

	c.young([]byte(`"prompt"`))
	require.Zero(t, c.old([]byte(`"prompt"`), 100), "it was kept up with before")
}

func TestWithTooManyOriginsNothingIsClaimed(t *testing.T) {
	var c clockCheck
	for i := range 2 * maxOrigins {
		c.young(fmt.Appendf(nil, `"%d"`, i))
	}
	require.Zero(t, c.old([]byte(`"o"`), 5))
	require.Empty(t, c.prompt)
	require.True(t, c.full)
}
