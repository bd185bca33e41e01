package option

import (
	"io/fs"
	"os/user"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestAModeIsOctal(t *testing.T) {
	var o Set
	x := o.FileMode("ipc.mode", false, "")
	require.Nil(t, x.Get())
	for text, want := range map[string]fs.FileMode{"0660": 0o660, "0o600": 0o600, "00": 0, "0": 0, "0777": 0o777} {
		require.NoError(t, x.Set(text))
		require.Equal(t, want, *x.Get(), text)
		require.Equal(t, text, x.String())
	}
	require.NoError(t, x.Set("0640"))
	for _, text := range []string{"432", "660", "0800", "01777", "-0660", "0x1", "rw", " 0660", "0660 "} {
		require.ErrorContains(t, x.Set(text), "begins with 0", text)
	}
	require.Equal(t, "0640", x.String(), "a refused value changes nothing")
	require.NoError(t, x.Set(""))
	require.Nil(t, x.Get())
}

func TestAnAccountIsANameOrANumber(t *testing.T) {
	self, err := user.Current()
	require.NoError(t, err)
	group, err := user.LookupGroupId(self.Gid)
	require.NoError(t, err)
	var o Set
	owner, its := o.User("ipc.owner", false, ""), o.Group("ipc.group", false, "")
	for text, x := range map[string]*Account{self.Username: owner, group.Name: its} {
		require.Nil(t, x.Get())
		require.NoError(t, x.Set(text))
		require.Equal(t, text, x.Get().Name)
		require.NoError(t, x.Set("4294967294"))
		require.Equal(t, carrier.Account{ID: 4294967294}, *x.Get())
		for _, wrong := range []string{"4294967295", "4294967296"} {
			require.ErrorContains(t, x.Set(wrong), "by its number")
		}
		require.ErrorContains(t, x.Set("no such name"), "there is no such")
		require.ErrorContains(t, x.Set("-1"), "there is no such")
		require.Equal(t, "4294967294", x.String(), "a refused value changes nothing")
		require.NoError(t, x.Set(""))
		require.Nil(t, x.Get())
	}
	require.ErrorContains(t, owner.Set("no such name"), "user")
	require.ErrorContains(t, its.Set("no such name"), "group")
}
