//go:build cgo && !nolibzmq

package main

import (
	"testing"

	"github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"
)

func TestDoctorOfPeersOfLibzmq(t *testing.T) {
	s, err := zmq4.NewSocket(zmq4.PUB)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Bind("tcp://127.0.0.1:*"))
	at, err := s.GetLastEndpoint()
	require.NoError(t, err)
	code, verdicts, said := examined(t, at, "--timeout", "60s")
	require.Equal(t, exitOK, code, said)
	require.Equal(t, "ok", verdicts["mechanism"], said)
	require.Equal(t, "skipped", verdicts["clock"], said)
	require.Contains(t, said, "a publisher (hermes 1.x, or another program with libzmq)")
}
