package supervisor

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

func TestAPostOfficeServesAProbe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	office, err := core.NewPostOffice("tcp://*:*,ipc://"+path, "tcp://[::]:*,plain+tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	require.NoError(t, office.Start())
	defer office.Close()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	for _, s := range []string{"endpoint.in", "endpoint.out"} {
		all, err := office.Get(s)
		require.NoError(t, err)
		for _, endpoint := range split(all) {
			require.NoError(t, Probe(ctx, endpoint), endpoint)
		}
	}
	s := office.Stats()
	require.Zero(t, s.Refused, "a probe is no peer that was refused")
	require.NoError(t, office.Stop(0))
	require.ErrorIs(t, Probe(ctx, "ipc://"+path), ErrDead)
}

func split(all string) (out []string) {
	start := 0
	for i := range all {
		if all[i] == ',' {
			out, start = append(out, all[start:i]), i+1
		}
	}
	return append(out, all[start:])
}

func TestAListenerThatOnlyTheKernelKeepsOpenIsDead(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	endpoint := "tls://" + l.Addr().String()
	require.ErrorIs(t, Probe(ctx, endpoint), ErrDead)
	require.NoError(t, l.Close())
	ctx, cancel = context.WithTimeout(t.Context(), soon)
	defer cancel()
	require.ErrorIs(t, Probe(ctx, endpoint), ErrDead)
	require.NoError(t, Probe(ctx, "inproc://x"), "it is not looked at")
	err = Probe(ctx, "tcp://nowhere.invalid:1")
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrDead)
}
