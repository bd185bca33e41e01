package core

import (
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
)

// What package capi calls until it uses package embed itself. It goes then.

// View is one envelope of a Delivery.
type View = recvqueue.View

// Look is At without copying the view.
func (d *Delivery) Look(i int, v *View) { d.taken.Look(i, v) }

// JSONSize is the number of bytes that AppendJSON appends, or more.
func (d *Delivery) JSONSize() int { return d.taken.JSONSize(d.lost) }

// AppendJSON appends all envelopes as one JSON array of [topic, origin, data, ts].
func (d *Delivery) AppendJSON(dst []byte) []byte { return d.taken.AppendJSON(dst, d.lost) }

// MarshalMost is embed.MarshalSize.
func (d *Delivery) MarshalMost() int { return embed.MarshalSize(&d.taken) }

// AppendMarshal is embed.AppendMarshal.
func (d *Delivery) AppendMarshal(dst []byte) []byte { return embed.AppendMarshal(dst, &d.taken) }

// Waker is embed.Waker.
type Waker interface {
	Wake()
	Rest()
}

type wakerOf struct{ Waker }

func (w wakerOf) Stopped() { w.Rest() }

// SetWaker is embed.Receiver.SetWaker.
func (r *Receiver) SetWaker(w Waker) { r.embed.SetWaker(wakerOf{w}) }

// Waker is what SetWaker has set.
func (r *Receiver) Waker() Waker {
	if w := r.embed.Waker(); w != nil {
		return w.(wakerOf).Waker
	}
	return nil
}

// Borrow is embed.Receiver.AcquireLease.
func (r *Receiver) Borrow(again bool) (fd int, ok bool) { return r.embed.AcquireLease(again) }

// Return is embed.Lease.Release.
func (r *Receiver) Return(taken bool) { r.embed.Lease.Release(taken) }

// TimedOut is the error of a wait that was in vain.
func (r *Receiver) TimedOut() error { return r.embed.Error(recvqueue.TimedOut) }

// Tray is recvqueue.Prefetcher.
type Tray interface {
	Lay(*Delivery) bool
	Taken() int
	Clear() int
	Drop()
}

type prefetcherOf struct{ Tray }

func (p prefetcherOf) Fill(t *recvqueue.Taken) bool { return p.Lay(&Delivery{taken: *t}) }

// SetTray is embed.Receiver.SetPrefetcher.
func (r *Receiver) SetTray(t Tray) { r.embed.SetPrefetcher(prefetcherOf{t}) }

// TakeOrLay is embed.Receiver.TakeOrPrefetch.
func (r *Receiver) TakeOrLay() (*Delivery, error) {
	d := newDelivery()
	prefetched, o := r.embed.TakeOrPrefetch(&d.taken)
	if !prefetched && o == recvqueue.Took {
		return d, nil
	}
	d.Release()
	switch {
	case prefetched:
		return nil, nil
	case o == recvqueue.TimedOut:
		return nil, errorf(ETIMEOUT, "nothing arrived at %s", r.who())
	}
	return nil, r.noneTaken(o)
}

// Undelivered is embed.Receiver.Undelivered.
func (r *Receiver) Undelivered(n int) { r.embed.Undelivered(n) }

// SetStager is embed.Publisher.SetStager.
func (p *Publisher) SetStager(s sendqueue.Stager) { p.embed.SetStager(s) }

// TryPublishMarshal is embed.Publisher.TryPublishRows.
func (p *Publisher) TryPublishMarshal(values []byte) (int, error) {
	return p.embed.TryPublishRows(values)
}
