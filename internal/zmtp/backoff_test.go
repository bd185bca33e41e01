package zmtp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBackoff(t *testing.T) {
	b := backoff{min: 100, max: 1000}
	seen := map[int]bool{}
	for range 200 {
		b.reset()
		bound := 100
		for range 8 {
			d := int(b.next())
			require.GreaterOrEqual(t, d, max(100, bound/2))
			require.LessOrEqual(t, d, bound)
			seen[d] = true
			bound = min(2*bound, 1000)
		}
	}
	require.Greater(t, len(seen), 100, "it is spread")
}
