package curve

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What zmq.auth.create_certificates of pyzmq writes.
const pyzmqSecret = `#   ****  Generated on 2024-03-01 12:00:00.000000 by pyzmq  ****
#   ZeroMQ CURVE **Secret** Certificate
#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.

metadata
    role = "client = it"
curve
    public-key = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
    secret-key = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
`

func write(t testing.TB, path, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestFilesOfPyzmqAreRead(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "client.key_secret"), pyzmqSecret)
	pair, err := ReadSecretFile(path)
	require.NoError(t, err)
	require.Equal(t, manualClient, pair.Public.String())
	public, err := ReadPublicFile(path)
	require.NoError(t, err)
	require.Equal(t, manualClient, public.String())
}

func TestFilesSurviveBeingWritten(t *testing.T) {
	pair, err := Generate()
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "node")
	public, secret, err := pair.WriteFiles(name)
	require.NoError(t, err)
	got, err := ReadSecretFile(secret)
	require.NoError(t, err)
	require.Equal(t, pair, got)
	key, err := ReadPublicFile(public)
	require.NoError(t, err)
	require.Equal(t, pair.Public, key)
	text, err := os.ReadFile(public)
	require.NoError(t, err)
	require.NotContains(t, string(text), pair.secret.Text())
	info, err := os.Stat(secret)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, _, err = pair.WriteFiles(name)
	require.ErrorIs(t, err, os.ErrExist, "keys are not replaced")
}

func TestAFileThatCannotBeWrittenIsRemoved(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "half.key_secret"), "secret-key = half of a k")
	f, err := os.Open(path) // only to be read
	require.NoError(t, err)
	require.Error(t, fill(f, []byte("more")))
	require.NoFileExists(t, path)
	require.ErrorIs(t, f.Close(), os.ErrClosed)
}

func TestFilesWithoutTheirKeyAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"", "curve\n", "secret-key = \"short\"\n", "public-key = " + manualClient + "\n",
		"public-key = " + manualServer + "\nsecret-key = " + manualClientSecret + "\n"} {
		_, err := ReadSecretFile(write(t, filepath.Join(dir, "x"), text))
		require.Error(t, err, "%q", text)
		require.NotContains(t, err.Error(), manualClientSecret)
	}
	_, err := ReadPublicFile(write(t, filepath.Join(dir, "x"), manualClient+"\n"+manualServer+"\n"))
	require.ErrorContains(t, err, "2 public keys")
}

func FuzzKeyFilesOfAnyFormAreRead(f *testing.F) {
	f.Add([]byte(pyzmqSecret))
	f.Add([]byte("public-key = 'x"))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = parseKeyFile(text) })
}

func TestAllPublicKeysOfAFileOrDirectoryAreRead(t *testing.T) {
	dir := t.TempDir()
	one := write(t, filepath.Join(dir, "one.key"), manualClient+"\n")
	write(t, filepath.Join(dir, "two.key"), "public-key = \""+manualServer+"\"\n"+manualClient+"\n")
	write(t, filepath.Join(dir, "one.key_secret"), pyzmqSecret) // is not a public file
	keys, err := ReadPublicKeys(one)
	require.NoError(t, err)
	require.Equal(t, manualClient, keys[0].String())
	require.Len(t, keys, 1)
	keys, err = ReadPublicKeys(dir)
	require.NoError(t, err)
	require.Len(t, keys, 3)

	_, err = ReadPublicKeys(filepath.Join(dir, "none.key"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = ReadPublicKeys(write(t, filepath.Join(t.TempDir(), "empty.key"), "# nothing\n"))
	require.ErrorContains(t, err, "contains no public-key")
	_, err = ReadPublicKeys("/dev/null")
	require.ErrorContains(t, err, "no regular file")
	write(t, filepath.Join(dir, "three.key"), "public-key = \"short\"\n")
	_, err = ReadPublicKeys(dir)
	require.ErrorContains(t, err, "line 1")
}

func TestTheTextOfAKeyFileCanBeWiped(t *testing.T) {
	pair, err := Generate()
	require.NoError(t, err)
	text := []byte("curve\n    public-key = \"" + pair.Public.String() + "\"\n    secret-key = \"" + pair.Secret().Text() + "\"\n")
	found, err := parseKeyFile(text)
	require.NoError(t, err)
	clear(text)
	require.Equal(t, pair.Public, found.public[0])
	require.Equal(t, pair.Secret(), *found.secret)
}
