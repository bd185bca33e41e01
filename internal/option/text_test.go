package option

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextsAreChecked(t *testing.T) {
	var o Set
	x := o.Text("tls.name", false, "", func(text string) error {
		if text == "bad" {
			return errors.New("refused")
		}
		return nil
	})
	require.NoError(t, x.Set("good"))
	require.Error(t, x.Set("bad"))
	require.Equal(t, "good", x.Get(), "a refused value changes nothing")
	require.NoError(t, x.Set(""))
	require.Empty(t, x.String())
	var hidden Variable = o.HiddenText("tls.key", false, "", func(string) error { return nil })
	require.Implements(t, (*Hider)(nil), hidden)
	require.NotImplements(t, (*Hider)(nil), Variable(x))
}
