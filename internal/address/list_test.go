package address

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/errs"
)

func TestAListSaysWhatIsBoundAndWhatIsConnectedTo(t *testing.T) {
	for text, want := range map[string]List{
		"tcp://a:1":                       {Connect: []string{"tcp://a:1"}},
		"@tcp://a:1":                      {Bind: []string{"tcp://a:1"}},
		"tcp://a:1, tcp://b:1":            {Connect: []string{"tcp://a:1", "tcp://b:1"}},
		"tcp://a:1,@tcp://*:2,>ipc://x":   {Bind: []string{"tcp://*:2"}, Connect: []string{"tcp://a:1", "ipc://x"}},
		"tcp://a:1,tcp://a:1":             {Connect: []string{"tcp://a:1"}},
		"tipc://{1,2,3},tcp://a:1":        {Connect: []string{"tipc://{1,2,3}", "tcp://a:1"}},
		"@plain+tcp://*:1,plain+ipc://x":  {Bind: []string{"plain+tcp://*:1"}, Connect: []string{"plain+ipc://x"}},
		"plain+tcp://a:1,plain+tcp://A:1": {Connect: []string{"plain+tcp://a:1"}},
		"@plain+tcp://*:*,@tcp://*:*":     {Bind: []string{"plain+tcp://*:*", "tcp://*:*"}},
	} {
		got, err := ParseList(text, false)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	got, err := ParseList("tcp://*:1,>tcp://a:1", true)
	require.NoError(t, err)
	require.Equal(t, List{Bind: []string{"tcp://*:1"}, Connect: []string{"tcp://a:1"}}, got)
	require.Equal(t, []string{"tcp://*:1", "tcp://a:1"}, got.All())
	require.Equal(t, []List{{Connect: []string{"tcp://a:1"}}, {Bind: []string{"tcp://*:1"}}}, got.Split())
}

func TestAListThatIsWrongIsRefused(t *testing.T) {
	for text, want := range map[string]errs.Code{
		"": errs.EADDRESS, ",": errs.EADDRESS, "tcp://a:1,": errs.EADDRESS, "tcp://a:1,,tcp://b:1": errs.EADDRESS,
		"tcp://a:0": errs.EADDRESS, "tcp://*:1": errs.EADDRESS, "tcp://a:1\x00": errs.EADDRESS, "tcp://\xff:1": errs.EUTF8,
		"tcp://a:1,plain+tcp://a:1": errs.EADDRESS, "plain+tcp://:1": errs.EADDRESS,
	} {
		_, err := ParseList(text, false)
		require.Equal(t, want, errs.CodeOf(err), "%q: %v", text, err)
	}
}

func FuzzParseList(f *testing.F) {
	for _, s := range []string{"tcp://a:1", "@tcp://*:*,>ipc://x", "tipc://{1,2,3}", ",", "\xff", "plain+tcp://a:1,>plain+ipc://x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if l, err := ParseList(text, false); err == nil {
			require.NotEmpty(t, l.All())
		}
	})
}

func TestSameAsFindsTheAddressThatLeadsBack(t *testing.T) {
	endpoints := []string{"tcp://0.0.0.0:6001", "ipc:///run/x"}
	require.Equal(t, "tcp://127.0.0.1:6001", SameAs([]string{"tcp://a:1", "tcp://127.0.0.1:6001"}, endpoints))
	require.Equal(t, "ipc:///run/x", SameAs([]string{"ipc:///run/x"}, endpoints))
	require.Equal(t, "plain+tcp://127.0.0.1:6001", SameAs([]string{"plain+tcp://127.0.0.1:6001"}, endpoints))
	require.Equal(t, "ipc:///run/x", SameAs([]string{"ipc:///run/x"}, []string{"plain+ipc:///run/x"}))
	require.Empty(t, SameAs([]string{"tcp://127.0.0.1:6002", "nonsense"}, endpoints))
}
