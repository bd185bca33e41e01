//go:build interop

package interop

import (
	"sync"
	"testing"

	"github.com/hermes-zmq/hermes/internal/curve"
)

// The keys of all tests with CURVE.
var curveKeys = sync.OnceValue(func() (k struct{ server, client, stranger *curve.Pair }) {
	for _, pair := range []**curve.Pair{&k.server, &k.client, &k.stranger} {
		var err error
		if *pair, err = curve.Generate(); err != nil {
			panic(err)
		}
	}
	return k
})

// encrypted has a scenario take place with CURVE, of which the foreign peer is one end.
func encrypted(end string, run func(*testing.T, cell)) func(*testing.T, cell) {
	return func(t *testing.T, c cell) {
		c.curve = end
		run(t, c)
	}
}

// keys are those of our end.
func (c cell) keys() *curve.Config {
	k := curveKeys()
	switch {
	case c.misfit == oursIsPlain:
	case c.curve == "server":
		server := &k.server.Public
		if c.misfit == oursExpectsAnother {
			server = &k.stranger.Public
		}
		return &curve.Config{Pair: k.client, Server: server}
	case c.curve == "client":
		clients, err := curve.ParseClients(k.client.Public.String())
		if err != nil {
			panic(err)
		}
		return &curve.Config{Pair: k.server, Clients: clients}
	}
	return nil
}

// environment tells the foreign peer its keys.
func (c cell) environment() []string {
	if c.curve == "" || c.misfit == theirsIsPlain {
		return nil
	}
	k := curveKeys()
	own, server := k.client, k.server
	switch {
	case c.curve == "server":
		own = k.server
	case c.misfit == theirsIsUnknown:
		own = k.stranger
	case c.misfit == theirsExpectsAnother:
		server = k.stranger
	}
	return []string{"CURVE=" + c.curve, "CURVE_SERVER=" + server.Public.String(), "CURVE_PUBLIC=" + own.Public.String(),
		"CURVE_SECRET=" + own.Secret().Text()}
}
