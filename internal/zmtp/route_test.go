package zmtp

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func named(office string) option { return func(c *carrier.Config) { c.Office = office } }

// A post office learns the route when it connects and whenever it changes; other peers
// are sent no command that they may not know.
func TestARouteIsAnnouncedToPostOfficesAlone(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), named("first"))
	o.AnnounceRoute([]string{"first"})
	var mu sync.Mutex
	var routes []string
	in, err := Opener{}.OpenInlet(carrier.InletConfig{
		Config: config(carrier.XSUB, []option{dial(o.address()), named("second")}),
		OnRoute: func(_ uint64, offices []string) error {
			mu.Lock()
			defer mu.Unlock()
			routes = append(routes, strings.Join(offices, " "))
			return nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(in.Close)
	received := func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(routes, ", ")
	}
	testkit.Eventually(t, func() bool { return received() == "first" }, "the first route")
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	testkit.Eventually(t, func() bool { return len(o.Peers()) == 2 }, "a peer that is no post office")
	o.AnnounceRoute([]string{"zero", "first"})
	testkit.Eventually(t, func() bool { return received() == "first, zero first" }, "the second route")
	p.send(appendPing(nil))
	_, body := p.receiveFrame()
	require.Equal(t, "\x04PONG", string(body), "nothing else came before it")
}

func TestParseRoute(t *testing.T) {
	offices, err := parseRoute([]byte("a,b"))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, offices)
	for _, bad := range []string{"", ",", "a,", "a,,b", strings.Repeat("x", maxOffice+1)} {
		_, err := parseRoute([]byte(bad))
		require.ErrorContains(t, err, "malformed HERMES-PATH", "%q", bad)
	}
}
