package queue

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPoliciesHaveNames(t *testing.T) {
	require.Equal(t, []string{"auto", "block", "drop_new", "drop_old", "latest_per_topic", "error"}, Policies())
	for i, name := range Policies() {
		p, err := ParsePolicy(name)
		require.NoError(t, err)
		require.Equal(t, Policy(i), p)
		require.Equal(t, name, p.String())
		require.Equal(t, p == Auto || p == Block, p.Waits())
		require.Equal(t, p == DropOld || p == LatestPerTopic, p.Evicts())
	}
	_, err := ParsePolicy("drop")
	require.ErrorContains(t, err, `"drop"`)
}

func TestAShareIsAtLeastOne(t *testing.T) {
	require.Equal(t, 1, Share(1))
	require.Equal(t, int64(25), Share(int64(100)))
}
