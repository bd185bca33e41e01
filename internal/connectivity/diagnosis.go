package connectivity

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/zmtp"
)

// libzmq gives no reason why it cannot connect, and does not report a peer of the wrong type.
// The engine zmtp does: so the address is tried once more with that engine.

// Times of a diagnosis: how long one may take, and the pause until the next one.
const (
	diagnosisTakes = 2 * time.Second
	diagnosisEvery = 10 * time.Second
)

// diagnose starts a diagnosis of an address, if the last one is long enough ago. The caller
// holds c.mu.
func (c *Tracker) diagnose(r *remote) {
	now := time.Now()
	if now.Sub(r.diagnosed) < diagnosisEvery || (zmtp.Opener{}).Supports(r.address) != nil {
		return
	}
	r.diagnosed = now
	run, own, address := c.run, r.own, r.address
	var keys *curve.Config
	if c.keys != nil {
		keys = c.keys()
	}
	safe.Go(nil, func() {
		found := diagnosis(own, address, keys)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.running && c.run == run && r.peers == 0 && found.Kind != 0 {
			c.miss(r, found)
		}
	})
}

// diagnosis connects to an address as a socket of type own would, and gives the event that
// says why that fails; Kind is 0 where it succeeds, or nothing is known in time.
func diagnosis(own carrier.Type, address string, keys *curve.Config) (found carrier.Event) {
	events := make(chan carrier.Event, 1)
	cfg := carrier.Config{Type: own, Connect: []string{address}, ReconnectMin: time.Hour, ReconnectMax: time.Hour, Curve: keys}
	var once sync.Once
	cfg.OnEvent = func(e carrier.Event) { once.Do(func() { events <- e }) }
	var shut func()
	if receives(own) {
		in, err := zmtp.Opener{}.OpenInlet(carrier.InletConfig{Config: cfg})
		if err != nil {
			return found
		}
		shut = in.Close
	} else {
		out, err := zmtp.Opener{}.OpenOutlet(carrier.OutletConfig{Config: cfg})
		if err != nil {
			return found
		}
		shut = func() { out.Close(0) }
	}
	defer shut()
	d := deadline.After(diagnosisTakes)
	defer d.Stop()
	select {
	case e := <-events:
		if e.Kind != carrier.Connected {
			return e
		}
	case <-d.C:
	}
	return found
}
