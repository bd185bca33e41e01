package option

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/curve"
)

func TestSecretsAreNotTheTextOfTheirOption(t *testing.T) {
	pair, err := curve.Generate()
	require.NoError(t, err)
	t.Setenv("HERMES_TEST_SECRET", pair.Secret().Text())
	var o Set
	x := o.Secret("curve.secret", false, "")
	require.Nil(t, x.Get())
	require.Error(t, x.Set(pair.Secret().Text()))
	require.NoError(t, x.Set("env:HERMES_TEST_SECRET"))
	require.Equal(t, pair.Public, x.Get().Public)
	require.Equal(t, "env:HERMES_TEST_SECRET", x.String())
	require.NoError(t, x.Set(""))
	require.Nil(t, x.Get())
}

func TestASecretKeyIsWipedWhenItIsReplaced(t *testing.T) {
	for name, end := range map[string]func(*Secret){
		"replaced": func(x *Secret) { require.NoError(t, x.Set("env:HERMES_TEST_SECRET")) },
		"unset":    func(x *Secret) { require.NoError(t, x.Set("")) },
		"wiped":    (*Secret).Wipe,
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := curve.Generate()
			require.NoError(t, err)
			t.Setenv("HERMES_TEST_SECRET", pair.Secret().Text())
			var o Set
			x := o.Secret("curve.secret", false, "")
			require.NoError(t, x.Set("env:HERMES_TEST_SECRET"))
			kept, copied := x.pair, x.Get()
			end(x)
			require.Equal(t, curve.Secret{}, kept.Secret())
			require.Equal(t, pair.Secret(), copied.Secret(), "a run that has it goes on")
		})
	}
}

func TestPublicKeysAreGivenAsText(t *testing.T) {
	pair, err := curve.Generate()
	require.NoError(t, err)
	var o Set
	x := o.PublicKey("curve.server", false, "")
	require.NoError(t, x.Set(pair.Public.String()))
	require.Equal(t, pair.Public, *x.Get())
	require.Error(t, x.Set("none"))
	require.Equal(t, pair.Public.String(), x.String(), "a refused value changes nothing")
}

func TestAServerSeesItsClientsChange(t *testing.T) {
	a, err := curve.Generate()
	require.NoError(t, err)
	b, err := curve.Generate()
	require.NoError(t, err)
	var o Set
	x := o.ClientKeys("curve.clients", true, "")
	require.Nil(t, x.Get())
	require.NoError(t, x.Set(a.Public.String()))
	used := x.Get()
	require.True(t, used.Allow(a.Public))
	require.NoError(t, x.Set(b.Public.String()))
	require.False(t, used.Allow(a.Public))
	require.True(t, used.Allow(b.Public))
	require.Error(t, x.Set("none"))
	require.True(t, used.Allow(b.Public))
	require.NoError(t, x.Set(""))
	require.False(t, used.Allow(b.Public))
	require.Nil(t, x.Get())
}
