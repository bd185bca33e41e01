package curve

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/nacl/box"
)

func TestSharedKeysAreThoseOfNaCl(t *testing.T) {
	a, b := manualPair(t, manualClientSecret), manualPair(t, manualServerSecret)
	key, err := share(a, &b.Public)
	require.NoError(t, err)
	var want [32]byte
	box.Precompute(&want, (*[32]byte)(&a.Public), &b.secret.b)
	require.Equal(t, want, key)
}

func TestPublicKeysOfLowOrderAreRefused(t *testing.T) {
	own := manualPair(t, manualClientSecret)
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	} {
		b, err := hex.DecodeString(text)
		require.NoError(t, err)
		p := Public(b)
		_, err = share(own, &p)
		require.Error(t, err, text)
	}
}
