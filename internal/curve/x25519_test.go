package curve

import (
	"crypto/rand"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/curve25519"
)

func unhex(t *testing.T, text string) (b [KeySize]byte) {
	t.Helper()
	p, err := hex.DecodeString(text)
	require.NoError(t, err)
	return [KeySize]byte(p)
}

func TestX25519IsThatOfTheRFC(t *testing.T) {
	for _, c := range [][3]string{ // RFC 7748, 5.2: scalar, u-coordinate, result
		{"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
		{"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d", "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493", "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	} {
		p := Public(unhex(t, c[1]))
		shared, err := multiply(&Secret{unhex(t, c[0])}, &p)
		require.NoError(t, err)
		require.Equal(t, unhex(t, c[2]), shared)
	}
	// The same again and again.
	k := [KeySize]byte{9}
	u := k
	for range 1000 {
		p := Public(u)
		next, err := multiply(&Secret{k}, &p)
		require.NoError(t, err)
		u, k = k, next
	}
	require.Equal(t, unhex(t, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"), k)
}

func TestX25519IsThatOfTheLibraryForEveryKey(t *testing.T) {
	for n := range 2000 {
		var s Secret
		var p Public
		_, _ = rand.Read(s.b[:])
		_, _ = rand.Read(p[:])
		if n%4 == 0 { // at the border of the field
			clear(p[:])
			for i := range p[1:] {
				p[1+i] = 0xff
			}
			p[0] = byte(n)
		}
		want, failed := curve25519.X25519(s.b[:], p[:])
		shared, err := multiply(&s, &p)
		require.Equal(t, failed == nil, err == nil)
		if err == nil {
			require.Equal(t, want, shared[:])
		}
		want, err = curve25519.X25519(s.b[:], curve25519.Basepoint)
		require.NoError(t, err)
		public, err := s.public()
		require.NoError(t, err)
		require.Equal(t, want, public[:])
	}
}

func TestPublicKeysOfLowOrderAreRefused(t *testing.T) {
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	} {
		p := Public(unhex(t, text))
		_, err := multiply(&Secret{[KeySize]byte{1, 2, 3}}, &p)
		require.ErrorIs(t, err, errLowOrder, text)
	}
}

func BenchmarkMultiply(b *testing.B) {
	pair, err := Generate()
	require.NoError(b, err)
	b.Run("multiply", func(b *testing.B) {
		for b.Loop() {
			_, _ = multiply(&pair.secret, &pair.Public)
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			_, _ = curve25519.X25519(pair.secret.b[:], pair.Public[:])
		}
	})
	b.Run("public", func(b *testing.B) {
		for b.Loop() {
			_, _ = pair.secret.public()
		}
	})
}
