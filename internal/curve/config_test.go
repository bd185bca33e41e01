package curve

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThePartFollowsFromTheKeys(t *testing.T) {
	server, clients := &Public{}, &Clients{}
	client := Config{Server: server}
	require.False(t, client.IsServer(true))
	require.False(t, client.IsServer(false))
	only := Config{Clients: clients}
	require.True(t, only.IsServer(true))
	require.True(t, only.IsServer(false))
	both := Config{Server: server, Clients: clients}
	require.True(t, both.IsServer(true))
	require.False(t, both.IsServer(false))
}

func TestClientsAreKeysFilesAndDirectories(t *testing.T) {
	known, other := manualPair(t, manualClientSecret).Public, manualPair(t, manualServerSecret).Public
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "list"), manualClient+"\n")
	keys := filepath.Join(dir, "k*ys")
	require.NoError(t, os.Mkdir(keys, 0o700))
	write(t, filepath.Join(keys, "a.key"), "curve\n    public-key = \""+manualClient+"\"\n")
	write(t, filepath.Join(keys, "b.key_secret"), "curve\n    public-key = \""+manualServer+"\"\n")
	for _, text := range []string{manualClient, file, keys, " " + file + " , " + keys} {
		c, err := ParseClients(text)
		require.NoError(t, err, "%s", text)
		require.True(t, c.Allow(known), "%s", text)
		require.False(t, c.Allow(other), "%s", text)
		require.False(t, c.Any())
	}
	c, err := ParseClients(AnyClient)
	require.NoError(t, err)
	require.True(t, c.Allow(other))
	for _, text := range []string{"", ",", filepath.Join(dir, "none"), "short"} {
		_, err := ParseClients(text)
		require.Error(t, err, "%q", text)
	}
}

func TestChangedFilesAreReadAgain(t *testing.T) {
	known, other := manualPair(t, manualClientSecret).Public, manualPair(t, manualServerSecret).Public
	file := write(t, filepath.Join(t.TempDir(), "list"), manualClient+"\n")
	c, err := ParseClients(file)
	require.NoError(t, err)
	write(t, file, manualServer+"\n")
	require.False(t, c.Allow(other), "once in reloadEvery at most")
	c.read = c.read.Add(-2 * time.Second)
	require.True(t, c.Allow(other))
	require.False(t, c.Allow(known))
	require.NoError(t, os.Remove(file))
	c.read = c.read.Add(-2 * time.Second)
	require.True(t, c.Allow(other), "the keys that were read last are valid")
}

func TestKeysAreLookedUp(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "client.key_secret"), pyzmqSecret)
	t.Setenv("HERMES_TEST_SECRET", manualClientSecret+"\n")
	t.Setenv("HERMES_TEST_WRONG", "x")
	for _, text := range []string{file, "env:HERMES_TEST_SECRET"} {
		pair, err := LookUpSecret(text)
		require.NoError(t, err)
		require.Equal(t, manualClient, pair.Public.String())
	}
	for _, text := range []string{manualClientSecret, "", "env:HERMES_TEST_NONE", "env:HERMES_TEST_WRONG"} {
		_, err := LookUpSecret(text)
		require.Error(t, err)
		require.NotContains(t, err.Error(), manualClientSecret)
	}
	for _, text := range []string{file, manualClient} {
		public, err := LookUpPublic(text)
		require.NoError(t, err)
		require.Equal(t, manualClient, public.String())
	}
	_, err := LookUpPublic("none")
	require.Error(t, err)
}
