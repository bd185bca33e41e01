// Package multipath joins the inlets of a receiver that follows several post offices of one
// cluster into one, with an inlet for each address: so it is known, with every carrier,
// over which path a batch has come.
//
// Batches of different paths are delivered at the same time. Events of all paths come one
// at a time, under a lock of this package that is taken after the carrier's.
package multipath

import (
	"errors"
	"sync"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// paths are the inlets, by path.
type paths []carrier.Inlet

// pathIDs keeps the numbers of connections of different paths apart.
const pathIDs = 32

// Open opens an inlet for each of ways, with what else cfg says. What comes over one is
// handed to deliver and note with its index in ways.
func Open(o carrier.Opener, cfg carrier.InletConfig, ways []address.List,
	deliver func(path int, b *batch.Batch), note func(path int, e carrier.Event)) (carrier.Inlet, error) {
	var in paths
	var mu sync.Mutex
	for i, a := range ways {
		cfg.Bind, cfg.Connect = a.Bind, a.Connect
		cfg.Deliver = func(b *batch.Batch) { deliver(i, b) }
		cfg.OnEvent = func(e carrier.Event) {
			mu.Lock()
			defer mu.Unlock()
			e.Peer = pathID(i, e.Peer)
			note(i, e)
		}
		one, err := o.OpenInlet(cfg)
		if err != nil {
			in.Close()
			return nil, err
		}
		in = append(in, one)
	}
	return in, nil
}

func pathID(path int, id uint64) uint64 {
	if id == 0 {
		return 0 // unknown
	}
	return id + uint64(path)<<pathIDs
}

// Subscribe implements carrier.Inlet.
func (in paths) Subscribe(prefix []byte) error {
	return in.all(func(one carrier.Inlet) error { return one.Subscribe(prefix) })
}

// Unsubscribe implements carrier.Inlet.
func (in paths) Unsubscribe(prefix []byte) error {
	return in.all(func(one carrier.Inlet) error { return one.Unsubscribe(prefix) })
}

func (in paths) all(f func(carrier.Inlet) error) (err error) {
	for _, one := range in {
		err = errors.Join(err, f(one))
	}
	return err
}

// Endpoints implements carrier.Inlet.
func (in paths) Endpoints() (out []string) {
	for _, one := range in {
		out = append(out, one.Endpoints()...)
	}
	return out
}

// Peers implements carrier.Inlet.
func (in paths) Peers() (out []carrier.Peer) {
	for i, one := range in {
		for _, p := range one.Peers() {
			p.ID = pathID(i, p.ID)
			out = append(out, p)
		}
	}
	return out
}

// Past implements carrier.PastKeeper.
func (in paths) Past() (out []carrier.Past) {
	for _, one := range in {
		if k, ok := one.(carrier.PastKeeper); ok {
			out = append(out, k.Past()...)
		}
	}
	return out
}

// Close implements carrier.Inlet.
func (in paths) Close() {
	for _, one := range in {
		one.Close()
	}
}
