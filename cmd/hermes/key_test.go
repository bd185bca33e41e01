package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/policy"
)

func TestKeysAreMadeAndShown(t *testing.T) {
	name := filepath.Join(t.TempDir(), "node")
	code, made, said := try(t, "", "key", "new", name)
	require.Equal(t, exitOK, code)
	require.Contains(t, said, name+".key_secret")
	pair, err := curve.ReadSecretFile(name + ".key_secret")
	require.NoError(t, err)
	require.Equal(t, pair.Public.String()+"\n", made)
	for _, suffix := range []string{".key", ".key_secret"} {
		code, shown, said := try(t, "", "key", "show", name+suffix)
		require.Equal(t, exitOK, code)
		require.Equal(t, made, shown)
		require.NotContains(t, shown+said, pair.Secret().Text())
	}
	code, _, said = try(t, "", "key", "new", name)
	require.Equal(t, exitError, code)
	require.Contains(t, said, "exists")
}

func TestKeyTakesNewShowOrFingerprint(t *testing.T) {
	for _, args := range [][]string{{"key"}, {"key", "new"}, {"key", "lose", "x"}} {
		code, _, _ := try(t, "", args...)
		require.Equal(t, exitUsage, code)
	}
	for _, action := range []string{"show", "fingerprint"} {
		code, _, _ := try(t, "", "key", action, filepath.Join(t.TempDir(), "none"))
		require.Equal(t, exitError, code)
	}
}

func TestFingerprintsAreThoseOfTheKey(t *testing.T) {
	dir := t.TempDir()
	print := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		code, out, said := try(t, "", "key", "fingerprint", path)
		require.Equal(t, exitOK, code, said)
		return strings.TrimSpace(out)
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "office"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &own.PublicKey, own)
	require.NoError(t, err)
	spki, err := x509.MarshalPKIXPublicKey(&own.PublicKey)
	require.NoError(t, err)
	want := fmt.Sprintf("sha256:%x", sha256.Sum256(spki))
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.Equal(t, want, print("cert.pem", append([]byte("# comment\n"), certificate...)))
	require.Equal(t, want, print("public.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})))

	_, err = policy.Parse("p", dir, []byte("[users.a]\ncertificates = [\""+want+"\"]\n"))
	require.NoError(t, err, "a policy takes it")

	pair, err := curve.Generate()
	require.NoError(t, err)
	public, secret, err := pair.WriteFiles(filepath.Join(dir, "node"))
	require.NoError(t, err)
	for _, path := range []string{public, secret} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256(pair.Public[:])), print("copy.key", text))
	}

	for name, text := range map[string][]byte{"empty": nil, "private.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"broken.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der[:20]})} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		code, _, said := try(t, "", "key", "fingerprint", path)
		require.Equal(t, exitError, code, name)
		require.Contains(t, said, path)
	}
}
