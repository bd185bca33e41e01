package backbone

import (
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/interest"
	"github.com/hermes-zmq/hermes/internal/sites"
)

// What sites tell each other has subscriptions of its own, each with a goroutine of nats.go, and what
// passes time has one of the backbone's. Package sites sees to it that no message is needed: any may
// be lost.

// The messages of other sites that wait to be heard; more are dropped.
const (
	controlMessages = 16 << 10
	controlBytes    = 64 << 20
)

// newSites makes what is known of other sites.
func (b *Backbone) newSites(exports [][]byte) *sites.Sites {
	var durable []string
	for _, d := range b.o.Durable {
		durable = append(durable, d.Prefix)
	}
	return sites.New(sites.Config{
		Site: b.o.Site, Run: b.run, Control: b.space.Control, Export: exports, Durable: durable,
		Send: b.control, Want: b.link.want, OnEvent: b.events.Add, Now: clock.Monotonic,
	})
}

// control sends to other sites; it may be dropped.
func (b *Backbone) control(subject string, data []byte) {
	if b.conn.IsConnected() {
		_ = b.conn.Publish(subject, data)
	}
}

// listen hears other sites from now on.
func (b *Backbone) listen() error {
	for _, subject := range b.sites.Subjects() {
		s, err := b.conn.Subscribe(subject, func(m *nats.Msg) {
			b.sites.Hear(m.Data)
			b.look()
		})
		if err == nil {
			err = s.SetPendingLimits(controlMessages, controlBytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tick ends when stop is closed.
func (b *Backbone) tick(stop <-chan struct{}) {
	every := time.NewTicker(sites.TickEvery)
	defer every.Stop()
	for {
		select {
		case <-stop:
			return
		case <-every.C:
			b.sites.Tick()
			b.look()
		}
	}
}

// look is called when what is known of other sites may have changed, and from time to time.
func (b *Backbone) look() {
	b.link.screen.look()
	if n := b.sites.Routes(); b.reviewed.Swap(n) != n {
		b.link.review()
	}
	b.tellDurable()
	b.tellTooLong()
}

// tell tells other sites what local receivers want.
func (b *Backbone) tell(change interest.Batch) {
	b.sites.Change(change.AddPrefixes, change.RemovePrefixes)
}
