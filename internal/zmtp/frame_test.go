package zmtp

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

func TestHeader(t *testing.T) {
	for _, size := range []int{0, 1, 255, 256, 1 << 20} {
		for _, more := range []bool{true, false} {
			p := batch.AppendHeader(nil, size, more)
			for cut := range p {
				_, _, _, err := parseHeader(p[:cut])
				require.True(t, errors.Is(err, errShortFrame))
			}
			flags, head, n, err := parseHeader(p)
			require.NoError(t, err)
			require.Equal(t, len(p), head)
			require.Equal(t, uint64(size), n)
			require.Equal(t, more, flags&batch.FlagMore != 0)
		}
	}
}
