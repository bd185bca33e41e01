//go:build interop

package interop

import (
	"sync"
	"testing"

	"github.com/hermes-zmq/hermes/internal/curve"
)

// The keys of all tests with CURVE.
var curveKeys = sync.OnceValue(func() (k struct{ server, client *curve.Pair }) {
	var err error
	if k.server, err = curve.Generate(); err == nil {
		k.client, err = curve.Generate()
	}
	if err != nil {
		panic(err)
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
	switch c.curve {
	case "server":
		return &curve.Config{Pair: k.client, Server: &k.server.Public}
	case "client":
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
	if c.curve == "" {
		return nil
	}
	k := curveKeys()
	own := k.client
	if c.curve == "server" {
		own = k.server
	}
	return []string{"CURVE=" + c.curve, "CURVE_SERVER=" + k.server.Public.String(), "CURVE_PUBLIC=" + own.Public.String(),
		"CURVE_SECRET=" + own.Secret().Text()}
}
