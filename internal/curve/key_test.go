package curve

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The pairs of the manual of libzmq, zmq_curve(7).
const (
	manualServer       = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
	manualServerSecret = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
	manualClient       = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
	manualClientSecret = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
)

func manualPair(t testing.TB, secret string) *Pair {
	t.Helper()
	s, err := ParseSecret(secret)
	require.NoError(t, err)
	pair, err := s.Pair()
	require.NoError(t, err)
	return pair
}

func TestZ85IsThatOfTheRFC(t *testing.T) {
	require.Equal(t, "HelloWorld", encodeZ85([]byte{0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b}))
}

func TestPublicKeysFollowFromSecretOnes(t *testing.T) {
	require.Equal(t, manualServer, manualPair(t, manualServerSecret).Public.String())
	require.Equal(t, manualClient, manualPair(t, manualClientSecret).Public.String())
}

func TestKeysSurviveTheirText(t *testing.T) {
	for range 100 {
		pair, err := Generate()
		require.NoError(t, err)
		public, err := ParsePublic(pair.Public.String())
		require.NoError(t, err)
		require.Equal(t, pair.Public, public)
		require.Equal(t, pair.Public, manualPair(t, pair.secret.Text()).Public)
	}
}

func TestTextsThatAreNoKeysAreRefused(t *testing.T) {
	for _, text := range []string{"", "x", strings.Repeat("#", 40), strings.Repeat(" ", 40), manualClient + "0", strings.Repeat("é", 20)} {
		_, err := ParsePublic(text)
		require.Error(t, err, "%q", text)
	}
}

func TestSecretsHaveNoText(t *testing.T) {
	pair := manualPair(t, manualClientSecret)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(format, pair.secret), manualClientSecret)
		require.NotContains(t, fmt.Sprintf(format, pair.secret), fmt.Sprint(pair.secret.b[0], pair.secret.b[1], pair.secret.b[2]))
	}
}

func TestPairsShowTheirPublicKeyOnly(t *testing.T) {
	pair := manualPair(t, manualClientSecret)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, shown := range []any{pair, *pair, Config{Pair: pair}, &Config{Pair: pair}} {
			text := fmt.Sprintf(format, shown)
			require.NotContains(t, text, manualClientSecret)
			require.NotContains(t, text, fmt.Sprint(pair.secret.b[0], pair.secret.b[1], pair.secret.b[2]))
			require.NotContains(t, text, fmt.Sprintf("%#x, %#x", pair.secret.b[0], pair.secret.b[1]))
		}
	}
	require.Equal(t, manualClient, pair.String())
}

func FuzzKeysAreReadAsTheyAreWritten(f *testing.F) {
	f.Add(manualClient)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePublic(text)
		if err == nil && p.String() != text {
			t.Fatalf("%q is read as %q", text, p)
		}
	})
}

func TestAPairThatIsWipedHasNoSecret(t *testing.T) {
	pair := manualPair(t, manualClientSecret)
	other := pair.Copy()
	pair.Wipe()
	require.Equal(t, Secret{}, pair.secret)
	require.Equal(t, manualClientSecret, other.secret.Text(), "a copy is one of its own")
	var none *Pair
	none.Wipe()
	require.Nil(t, none.Copy())
}
