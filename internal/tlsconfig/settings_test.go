package tlsconfig

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettingsThatDoNotFitTogetherAreRefused(t *testing.T) {
	for _, c := range []struct {
		set  Settings
		says string
	}{
		{Settings{Key: "key.pem"}, "tls.cert"},
		{Settings{Clients: ByCA}, "tls.ca"},
		{Settings{Clients: ByPin}, "tls.pins"},
		{Settings{Clients: ByBoth, CA: "ca.pem"}, "tls.pins"},
		{Settings{Clients: ByBoth, Pins: "sha256:" + strings.Repeat("0", 64)}, "tls.ca"},
	} {
		_, err := New(c.set, nil)
		require.ErrorContains(t, err, c.says)
	}
}

func TestPathsBeginInTheWorkingDirectoryOfTheStart(t *testing.T) {
	s, err := Settings{Cert: "a.pem", Key: "env:KEY", CA: "/ca"}.check()
	require.NoError(t, err)
	require.True(t, filepath.IsAbs(s.Cert))
	require.Equal(t, "env:KEY", s.Key)
	require.Equal(t, "/ca", s.CA)
	require.Equal(t, ByCA, s.Clients)
}

func TestNamesOfServers(t *testing.T) {
	for _, good := range []string{"office", "office.example.org", "10.0.0.7", "::1"} {
		require.NoError(t, CheckName(good))
	}
	for _, bad := range []string{"two words", "a/b", "tls://office", "*"} {
		require.Error(t, CheckName(bad))
	}
}
