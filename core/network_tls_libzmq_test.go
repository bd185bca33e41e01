//go:build cgo && !nolibzmq

package core

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLibzmqHasNoTLS(t *testing.T) {
	r, err := NewReceiver("tls://127.0.0.1:1", "rec")
	require.NoError(t, err)
	defer r.Close()
	set(t, r, "engine", "libzmq")
	code(t, EADDRESS, r.Start(), "libzmq has no TLS", "engine zmtp has it")
}
