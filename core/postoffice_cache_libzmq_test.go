//go:build cgo && !nolibzmq

package core

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACacheNeedsOurOwnCarrier(t *testing.T) {
	for _, out := range []string{"tcp://127.0.0.1:*", "inproc://cache-out"} {
		po, err := NewPostOffice("tcp://127.0.0.1:*", out, "")
		require.NoError(t, err)
		set(t, po, "engine", "libzmq", "cache.depth", "1")
		code(t, ENOTSUP, po.Start(), "cache.depth", "libzmq", out)
		require.Equal(t, "new", get(t, po, "state"))
		set(t, po, "cache.depth", "0")
		require.NoError(t, po.Start(), "without it")
		require.NoError(t, po.Close())
	}
}
