package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryCommandIsThereOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range allCommands(newRoot(streams{})) {
		require.False(t, seen[c.CommandPath()], c.CommandPath())
		seen[c.CommandPath()] = true
		require.True(t, c.Hidden || c.Short != "", c.CommandPath())
	}
	require.True(t, seen["hermes top"])
}
