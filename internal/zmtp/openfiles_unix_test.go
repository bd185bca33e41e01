//go:build unix

package zmtp

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}
