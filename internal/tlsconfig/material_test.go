package tlsconfig

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestKeysThatCannotBeUsedAreRefusedWithoutBeingShown(t *testing.T) {
	a := testkit.NewAuthority(t)
	a.Issue("end")
	text, err := os.ReadFile(a.Key("end"))
	require.NoError(t, err)
	require.NoError(t, CheckKey(a.Key("end")))
	t.Setenv("HERMES_TEST_KEY", string(text))
	require.NoError(t, CheckKey("env:HERMES_TEST_KEY"))

	locked := filepath.Join(t.TempDir(), "locked")
	require.NoError(t, os.WriteFile(locked, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), 0o600))
	line := strings.Split(string(text), "\n")[1]
	for given, says := range map[string]string{
		locked:                    "encrypted with a password",
		a.Cert("end"):             "no private key in PEM",
		string(text):              "not as its text",
		line:                      "the file cannot be read",
		"env:" + line:             "name of an environment variable",
		"env:HERMES_TEST_NO_SUCH": "there is no environment variable HERMES_TEST_NO_SUCH",
		t.TempDir():               "is not a file",
	} {
		err := CheckKey(given)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), line)
	}
}

func TestFilesWithoutCertificatesAreRefused(t *testing.T) {
	a := testkit.NewAuthority(t)
	a.Issue("end")
	require.NoError(t, CheckCert(a.Cert("end")))
	require.ErrorContains(t, CheckCert(a.Key("end")), "has no certificate in PEM")
	require.ErrorContains(t, CheckCert("/dev/zero"), "is not a file")
	require.Error(t, CheckCert(filepath.Join(a.Dir, "none")))
	broken := filepath.Join(a.Dir, "broken")
	require.NoError(t, os.WriteFile(broken, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), 0o600))
	require.ErrorContains(t, CheckCert(broken), "certificate 1 in it cannot be read")
}
