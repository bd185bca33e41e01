//go:build cgo && !nolibzmq

package core

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLibzmqHasNoHistory(t *testing.T) {
	old := newOffice(t, "libzmq")
	r := newReceiver(t, "zmtp", get(t, old, "endpoint.out"), "since", "10m")
	eventOf(t, r, "history")
	r, err := NewReceiver("tcp://127.0.0.1:1", "r")
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	set(t, r, "engine", "libzmq", "since", "10m")
	code(t, ENOTSUP, r.Start(), "since", "engine")
}
