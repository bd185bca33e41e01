package tlsconfig

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestAWarningIsDueFromFourteenDaysBeforeTheEndAndThenDaily(t *testing.T) {
	a := testkit.NewAuthority(t)
	end := time.Now().Add(30 * 24 * time.Hour)
	a.Issue("end", func(c *x509.Certificate) { c.NotAfter = end })
	c, err := New(Settings{Cert: a.Cert("end"), Key: a.Key("end")}, nil)
	require.NoError(t, err)
	e := Expiry{Config: c}
	at := func(days float64) string { return e.Due(end.Add(-time.Duration(days * 24 * float64(time.Hour)))) }
	require.Empty(t, at(30))
	require.Empty(t, at(14.1))
	require.Contains(t, at(13.9), "expires in 13 days")
	require.Empty(t, at(13.5), "once a day")
	require.Contains(t, at(12.8), "CN=end")
	require.Contains(t, at(-1), "has expired")
	require.Contains(t, at(-2), a.Cert("end"))

	a.Issue("end")
	c.lookAgain()
	require.Empty(t, at(-3), "the file has been replaced")
	without, err := New(Settings{}, nil)
	require.NoError(t, err)
	require.Empty(t, (&Expiry{Config: without}).Due(end))
}
