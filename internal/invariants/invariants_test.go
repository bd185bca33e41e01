package invariants_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/invariants"
)

func TestCheckPanicsWithItsMessage(t *testing.T) {
	require.NotPanics(t, func() { invariants.Check(true, "unused") })
	require.PanicsWithValue(t, "invariant violated: 3 of 2", func() { invariants.Check(false, "%d of %d", 3, 2) })
}
