//go:build cgo && !nolibzmq

package core

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestEngineLibzmqRefusesWhatItCannotCheck(t *testing.T) {
	k := keyFiles(t, "office")
	po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, po, "engine", "libzmq", "curve.secret", k["office"]+".key_secret", "curve.clients", k["office"]+".key")
	code(t, EADDRESS, po.Start(), "curve.clients other than any (engine zmtp has it)")
	require.NoError(t, po.Close())
}

func TestLibzmqTakesNoClientKeysAtRunTime(t *testing.T) {
	k := keyFiles(t, "office", "rec")
	foreign := newOffice(t, "libzmq", "curve.secret", k["office"]+".key_secret", "curve.clients", "any")
	err := foreign.Set("curve.clients", k["rec"]+".key")
	code(t, EOPTION, err, "other than any")
	require.ErrorIs(t, err, carrier.ErrUnsupported)
	set(t, foreign, "curve.clients", "any")
}
