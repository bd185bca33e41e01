//go:build cgo && !nolibzmq

package embed_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLibzmqGivesNoLease(t *testing.T) {
	require.False(t, newLeasing(t, "engine", "libzmq").leases())
}
