package address

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// malformed are addresses, and what the error text says.
var malformed = [][2]string{
	{"", "it is empty"},
	{"6000", "the transport is missing"},
	{"127.0.0.1:6000", "the transport is missing"},
	{"://127.0.0.1:6000", "the transport is missing"},
	{"tcp:/127.0.0.1:6000", "the transport is missing"},
	{"TCP://127.0.0.1:6000", "the transport is written tcp"},
	{" tcp://127.0.0.1:6000", `there is no transport " tcp"`},
	{"http://127.0.0.1:6000", `there is no transport "http"`},
	{"tcp://", "the port is missing"},
	{"tcp://host", "the port is missing"},
	{"tcp://host:", "the port is missing"},
	{"tcp://[::1]", "the port is missing"},
	{"tcp://127.0.0.1:-1", "-1 is no port"},
	{"tcp://127.0.0.1:+1", "+1 is no port"},
	{"tcp://127.0.0.1:65536", "65536 is no port"},
	{"tcp://127.0.0.1:99999", "99999 is no port"},
	{"tcp://127.0.0.1:99999999999999999999", "99999999999999999999 is no port"},
	{"tcp://127.0.0.1:22129/path", "22129/path is no port"},
	{"tcp://127.0.0.1:22129?x=1", "22129?x=1 is no port"},
	{"tcp://127.0.0.1:22130abc", "22130abc is no port"},
	{"tcp://127.0.0.1:0x50", "0x50 is no port"},
	{"tcp://127.0.0.1:60 00", `"60 00" is no port`},
	{"tcp://127.0.0.1:٣", `is no port`},
	{"tcp://127.0.0.1:6000:", "the port is missing"},
	{"tcp://127.0.0.1:1:2", "127.0.0.1:1 is no host"},
	{"tcp://:6000", "the host is missing"},
	{"tcp://::1:6000", "an IPv6 address stands in brackets"},
	{"tcp://[::1:6000", "[::1 is no host"},
	{"tcp://[host]:6000", "host in brackets is no IPv6 address"},
	{"tcp://[]:6000", "in brackets is no IPv6 address"},
	{"tcp://a/b:6000", "a/b is no host"},
	{"tcp://user@host:6000", "user@host is no host"},
	{"tcp://two words:6000", `"two words" is no host`},
	{"tcp://a\tb:6000", "is no host"},
	{"tcp://256.0.0.1:6000", "256.0.0.1 is no IPv4 address"},
	{"tcp://1.2.3:6000", "1.2.3 is no IPv4 address"},
	{"tcp://1.2.3.4.5:6000", "1.2.3.4.5 is no IPv4 address"},
	{"tcp://a..b:6000", "a..b is no host"},
	{"tcp://.:6000", ". is no IPv4 address"},
	{"tcp://" + strings.Repeat("x", 64) + ":6000", "63 are the most"},
	{"tcp://" + strings.Repeat("x.", 130) + ":6000", "253 are the most"},
	{"tcp://lo:0;", "the port is missing"},
	{"tcp://lo;127.0.0.1:6000", "the port is missing"},
	{"tcp://lo:0;127.0.0.1:x", "x is no port"},
	{"fd://", "the number of the descriptor is missing"},
	{"tls+fd://", "as in tls+fd://3"},
	{"fd://x", "x is no number of a descriptor"},
	{"fd://-1", "-1 is no number of a descriptor"},
	{"fd://4294967296", "4294967296 is no number of a descriptor"},
	{"fd://2", "descriptors 0 to 2 are the standard streams"},
	{"plain+tls+fd://3", "tls+fd is encrypted"},
	{"ipc://", "the path is missing"},
	{"ipc://@", "the path is missing"},
	{"ipc:///tmp/", "a directory"},
	{"ipc://a\x00b", "NUL"},
	{"ipc:///" + strings.Repeat("x", 107), "the path has 108 bytes, and 107 are the most"},
	{"inproc://", "the name is missing"},
	{"ws://host", "the port is missing"},
	{"ws://host:x/path", "x is no port"},
	{"pgm://eth0;239.192.1.1", "the port is missing"},
	{"pgm://eth0;:5555", "the group is missing"},
	{"epgm://eth0;239.192.1.1:70000", "70000 is no port"},
	{"norm://239.192.1.1:*", "the port of a group"},
	{"tipc://5560", "TIPC"},
	{"udp://127.0.0.1:6000", "udp"},
	{"plain+://127.0.0.1:6000", "the transport is missing"},
	{"plain+plain+tcp://127.0.0.1:6000", `there is no transport "plain+tcp"`},
	{"plain+TCP://127.0.0.1:6000", "the transport is written tcp"},
	{"plain+tls://127.0.0.1:6000", "tls is encrypted"},
	{"plain+wss://127.0.0.1:6000", "wss is encrypted"},
	{"plain+ipc://", "the path is missing"},
}

func TestMalformedAddressesSayWhatIsWrong(t *testing.T) {
	for _, c := range malformed {
		_, err := Parse(c[0])
		require.ErrorIs(t, err, carrier.ErrAddress, c[0])
		require.ErrorContains(t, err, c[1])
		require.NotContains(t, err.Error(), "\n")
		require.Less(t, len(err.Error()), 600)
	}
	_, err := Parse("ipc:///" + strings.Repeat("x", 108))
	require.ErrorIs(t, err, syscall.ENAMETOOLONG)
}

func TestAddressesAreParsed(t *testing.T) {
	for text, want := range map[string]Address{
		"tcp://127.0.0.1:6000":         {Transport: "tcp", Host: "127.0.0.1", Port: 6000},
		"tcp://*:*":                    {Transport: "tcp", Host: "*"},
		"tcp://*:0":                    {Transport: "tcp", Host: "*"},
		"tcp://[::1]:5555":             {Transport: "tcp", Host: "::1", Port: 5555},
		"tcp://[fe80::1%lo]:5555":      {Transport: "tcp", Host: "fe80::1%lo", Port: 5555},
		"tcp://eth0:65535":             {Transport: "tcp", Host: "eth0", Port: 65535},
		"tcp://my_host-1.example.:1":   {Transport: "tcp", Host: "my_host-1.example.", Port: 1},
		"tcp://bücher.example:1":       {Transport: "tcp", Host: "bücher.example", Port: 1},
		"tcp://eth0:0;10.0.0.1:5555":   {Transport: "tcp", Source: "eth0:0", Host: "10.0.0.1", Port: 5555},
		"ipc:///tmp/x y":               {Transport: "ipc", Path: "/tmp/x y"},
		"ipc://relative":               {Transport: "ipc", Path: "relative"},
		"ipc://@name/":                 {Transport: "ipc", Path: "@name/"},
		"ipc://*":                      {Transport: "ipc", Path: "*"},
		"inproc://x":                   {Transport: "inproc"},
		"ws://127.0.0.1:80/a:b":        {Transport: "ws", Host: "127.0.0.1", Port: 80},
		"pgm://eth0;239.192.1.1:5555":  {Transport: "pgm"},
		"tipc://{5560,0}":              {Transport: "tipc"},
		"tipc://{5560,0,0}":            {Transport: "tipc"},
		"norm://1,239.192.1.1:5555":    {Transport: "norm"},
		"epgm://;239.192.1.1:5555":     {Transport: "epgm"},
		"tipc://{5560,0}@0.0.0":        {Transport: "tipc"},
		"plain+tcp://127.0.0.1:6000":   {Plain: true, Transport: "tcp", Host: "127.0.0.1", Port: 6000},
		"plain+ipc://@x":               {Plain: true, Transport: "ipc", Path: "@x"},
		"tcp://xn--bcher-kva.test:443": {Transport: "tcp", Host: "xn--bcher-kva.test", Port: 443},
	} {
		want.Text = text
		_, want.Rest, _ = strings.Cut(text, "://")
		got, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
}

func TestWhatCanOnlyBeBoundOrConnectedTo(t *testing.T) {
	for _, text := range []string{"tcp://*:5", "tcp://127.0.0.1:*", "tcp://127.0.0.1:0", "ipc://*", "ws://*:5"} {
		a, err := Parse(text)
		require.NoError(t, err)
		require.NoError(t, a.Bindable())
		require.ErrorIs(t, a.Connectable(), carrier.ErrAddress)
	}
	a, err := Parse("tcp://eth0:0;10.0.0.1:5555")
	require.NoError(t, err)
	require.NoError(t, a.Connectable())
	require.ErrorIs(t, a.Bindable(), carrier.ErrAddress)
}

func TestAddressesOfOneSocketHaveOneKey(t *testing.T) {
	key := func(text string, bind bool) string {
		a, err := Parse(text)
		require.NoError(t, err, text)
		return a.Key(bind)
	}
	for _, same := range [][]string{
		{"tcp://127.0.0.1:6000", "tcp://127.0.0.1:06000", "tcp://localhost:6000", "tcp://LOCALHOST.:6000", "tcp://0.0.0.0:6000", "tcp://[::ffff:127.0.0.1]:6000"},
		{"tcp://[::1]:6000", "tcp://[0:0::1]:6000", "tcp://[::]:6000"},
		{"tcp://Example.org:1", "tcp://example.ORG.:1"},
		{"ipc:///tmp/x", "ipc:///tmp/x", "plain+ipc:///tmp/x"},
		{"inproc://x", "plain+inproc://x"},
		{"tcp://10.0.0.1:1", "plain+tcp://10.0.0.1:1"},
	} {
		for _, other := range same {
			require.Equal(t, key(same[0], false), key(other, false), other)
		}
	}
	require.Equal(t, key("tcp://*:1", true), key("tcp://0.0.0.0:1", true))
	require.NotEqual(t, key("tcp://127.0.0.1:1", true), key("tcp://0.0.0.0:1", true))
	require.NotEqual(t, key("tcp://127.0.0.1:1", false), key("tcp://127.0.0.1:2", false))
	require.NotEqual(t, key("tcp://lo:0;127.0.0.1:1", false), key("tcp://127.0.0.1:1", false))
	for _, any := range []string{"tcp://*:*", "tcp://127.0.0.1:0", "ipc://*"} {
		require.Empty(t, key(any, true))
	}
}

func TestWhatOtherMachinesReachIsExposed(t *testing.T) {
	for text, want := range map[string]bool{
		"tcp://0.0.0.0:1": true, "tcp://*:1": true, "tcp://[::]:1": true, "tcp://10.0.0.1:1": true, "plain+tcp://192.0.2.1:1": true,
		"tcp://[fe80::1%eth0]:1": true, "tcp://host:1": true, "ws://0.0.0.0:80/x": true,
		"tcp://127.0.0.1:1": false, "tcp://127.1.2.3:1": false, "tcp://[::1]:1": false, "tcp://[::ffff:127.0.0.1]:1": false,
		"tcp://LOCALHOST.:1": false, "ipc:///run/x": false, "ipc://@x": false, "inproc://x": false, "wss://0.0.0.0:1": false,
		"epgm://eth0;239.192.1.1:5555": false,
	} {
		a, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, a.Exposed(), text)
	}
}

func TestThePrefixIsPutInFrontAndRemoved(t *testing.T) {
	for _, plain := range []bool{true, false} {
		text := Prefixed("tcp://0.0.0.0:1", plain)
		require.Equal(t, plain, IsPlain(text))
		require.Equal(t, "tcp://0.0.0.0:1", Bare(text))
		a, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, plain, a.Plain)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"tcp://127.0.0.1:6000", "ipc://@x", "tcp://[::1]:*", "tipc://{1,2}", "tcp://a:0;b:1", "plain+tcp://a:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		if err != nil {
			require.ErrorIs(t, err, carrier.ErrAddress)
			return
		}
		_, _, _, _ = a.Key(true), a.Key(false), a.Bindable(), a.Connectable()
	})
}

func TestAnInheritedSocketIsBoundOnly(t *testing.T) {
	for _, text := range []string{"fd://3", "tls+fd://3", "plain+fd://3"} {
		a, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, 3, a.FD)
		require.NoError(t, a.Bindable())
		require.ErrorContains(t, a.Connectable(), "can be bound, but not connected to")
		require.Equal(t, "fd://3", a.Key(true), "it is one place, whatever is spoken there")
	}
}

// The names are those of an expression, whose package would make up a fiftieth of the library.
func TestNamesOfTIPC(t *testing.T) {
	expression := regexp.MustCompile(`^(\{\d+,\d+(,\d+)?\}(@\d+\.\d+\.\d+)?|<\S+>)$`)
	r := rand.New(rand.NewPCG(3, 4))
	parts := []string{"{", "}", "<", ">", "@", ",", ".", "1", "23", " ", "\t", "\n", "x", "ä", "{1,2}", "{1,2,3}", "@1.2.3"}
	matched := 0
	for range 50_000 {
		var text string
		for range r.IntN(7) {
			text += parts[r.IntN(len(parts))]
		}
		want := expression.MatchString(text)
		require.Equal(t, want, isTIPCName(text), "%q", text)
		if want {
			matched++
		}
	}
	require.Greater(t, matched, 100)
}
