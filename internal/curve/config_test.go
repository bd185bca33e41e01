package curve

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	soon(c)
	require.True(t, c.Allow(other))
	require.False(t, c.Allow(known))
}

// soon has c read its files again.
func soon(c *Clients) { c.read = c.read.Add(-2 * reloadEvery) }

func TestKeysOfFilesThatAreGoneAreNotAccepted(t *testing.T) {
	known, other := manualPair(t, manualClientSecret).Public, manualPair(t, manualServerSecret).Public
	dir := t.TempDir()
	list := write(t, filepath.Join(dir, "list"), manualClient+"\n")
	keys := filepath.Join(dir, "keys")
	require.NoError(t, os.Mkdir(keys, 0o700))
	one := write(t, filepath.Join(keys, "a.key"), manualServer+"\n")
	c, err := ParseClients(list + "," + keys)
	require.NoError(t, err)
	c.OnUnreadable(func(err error) { t.Error(err) })
	require.NoError(t, os.Remove(list))
	soon(c)
	require.False(t, c.Allow(known), "a file that is gone")
	require.True(t, c.Allow(other), "the others are read")
	require.NoError(t, os.Remove(one))
	soon(c)
	require.False(t, c.Allow(other), "a file of a directory that is gone")
	write(t, list, manualClient+"\n")
	require.NoError(t, os.Remove(keys))
	soon(c)
	require.True(t, c.Allow(known), "a file that is back")
	require.False(t, c.Allow(other), "a directory that is gone")
}

func TestAnUnreadableFileKeepsItsOwnKeysOnlyAndIsReported(t *testing.T) {
	known, other := manualPair(t, manualClientSecret).Public, manualPair(t, manualServerSecret).Public
	third, err := Generate()
	require.NoError(t, err)
	dir := t.TempDir()
	bad := write(t, filepath.Join(dir, "a.key"), manualClient+"\n")
	good := write(t, filepath.Join(dir, "b.key"), manualServer+"\n")
	c, err := ParseClients(dir)
	require.NoError(t, err)
	var reports []string
	c.OnUnreadable(func(err error) { reports = append(reports, err.Error()) })
	write(t, bad, "public-key = half of a k")
	write(t, good, third.Public.String()+"\n")
	for range 3 {
		soon(c)
		require.True(t, c.Allow(known), "the keys that were read last of this file")
		require.False(t, c.Allow(other), "a key that was removed elsewhere")
		require.True(t, c.Allow(third.Public), "a key that was added elsewhere")
	}
	require.Len(t, reports, 1, "once in reportEvery")
	require.Contains(t, reports[0], bad)
	c.reported = c.reported.Add(-2 * reportEvery)
	soon(c)
	require.True(t, c.Allow(known))
	require.Len(t, reports, 2)
}

func TestAnUnreadableDirectoryKeepsItsKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.Mkdir(dir, 0o700))
	write(t, filepath.Join(dir, "a.key"), manualClient+"\n")
	c, err := ParseClients(dir)
	require.NoError(t, err)
	reports := 0
	c.OnUnreadable(func(error) { reports++ })
	require.NoError(t, os.Rename(dir, dir+".old"))
	require.NoError(t, os.Symlink(dir, dir)) // an error that root gets as well
	soon(c)
	require.True(t, c.Allow(manualPair(t, manualClientSecret).Public))
	require.Equal(t, 1, reports)
}

func TestAFileNamedLikeAKeyDoesNotReplaceIt(t *testing.T) {
	t.Chdir(t.TempDir())
	name := manualClient // it has no slash
	write(t, name, manualServer+"\n")
	named, inside := manualPair(t, manualClientSecret).Public, manualPair(t, manualServerSecret).Public
	for text, want := range map[string]Public{name: named, "./" + name: inside} {
		got, err := LookUpPublic(text)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
		c, err := ParseClients(text)
		require.NoError(t, err)
		require.True(t, c.Allow(want), text)
	}
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

// env:$SECRET in double quotes is env: and the key.
func TestASecretInPlaceOfTheNameOfItsVariableIsNotShown(t *testing.T) {
	_, err := LookUpSecret("env:HERMES_TEST_NONE")
	require.ErrorContains(t, err, "HERMES_TEST_NONE")
	letters := strings.Repeat("a", keyText) // a name, and a key in Z85
	for _, secret := range []string{manualClientSecret, manualClientSecret[:39], manualClientSecret + "\n", letters, "1abc", "a-b", ""} {
		_, err := LookUpSecret("env:" + secret)
		require.ErrorContains(t, err, "the name of an environment variable")
		if secret != "" {
			require.NotContains(t, err.Error(), secret)
		}
	}
	t.Setenv(letters, "x")
	_, err = LookUpSecret("env:" + letters)
	require.NotContains(t, err.Error(), letters)
}
