package curve

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/nacl/box"
)

func TestSharedKeysAreThoseOfNaCl(t *testing.T) {
	a, b := manualPair(t, manualClientSecret), manualPair(t, manualServerSecret)
	key, err := share(&a.secret, &b.Public)
	require.NoError(t, err)
	var want [32]byte
	box.Precompute(&want, (*[32]byte)(&a.Public), &b.secret.b)
	require.Equal(t, want, key)
}
