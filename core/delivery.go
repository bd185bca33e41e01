package core

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

// Delivery is what one Take has taken: envelopes in order, as views of the buffers
// that they arrived in. It must be released, after which the views are void. Unlike
// everything else here it is for one goroutine at a time.
type Delivery struct{ taken recvqueue.Taken }

// View is one envelope of a Delivery. Its texts are views of the Delivery: they must not be
// written to, and are void once it is released.
type View struct {
	Topic, Origin []byte // decoded, UTF-8
	Data          []byte // one JSON value
	TS, Received  float64
	Lost          uint32
	TraceParent   string
}

// Decode is that of Envelope: what it decodes outlives the Delivery.
func (v *View) Decode(into any) error { return loadData(v.Topic, v.Data, into) }

var deliveries = sync.Pool{New: func() any { return new(Delivery) }}

func newDelivery() *Delivery { return deliveries.Get().(*Delivery) }

// Release gives the buffers back.
func (d *Delivery) Release() {
	d.taken.Release()
	deliveries.Put(d)
}

// Len is the number of envelopes.
func (d *Delivery) Len() int { return d.taken.Len() }

// At gives envelope i, from 0 on; looking at one after the other is cheap. The fields are those
// of Envelope.
func (d *Delivery) At(i int) View {
	var v recvqueue.View
	d.taken.Look(i, &v)
	return View{v.Topic, v.Origin, v.Data, v.TS, v.Received, v.Lost, string(v.TraceParent)}
}

// Envelope gives a copy of envelope i that outlives the Delivery.
func (d *Delivery) Envelope(i int) Envelope {
	v := d.At(i)
	return Envelope{Topic: string(v.Topic), Origin: string(v.Origin), Data: append([]byte(nil), v.Data...),
		TS: v.TS, Received: v.Received, Lost: v.Lost, TraceParent: v.TraceParent}
}
