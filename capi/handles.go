package main

// #include "exports.h"
import "C"

import (
	"fmt"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/handle"
)

// object is what a handle names: a component of core, and what belongs to it here.
type object struct {
	core.Component
	pipe atomic.Pointer[pipe] // see hermes_pipe; nil: there is none
}

type entry = handle.Entry[*object]

// registry holds every object that C has a handle of, and is the only way to find one.
var registry handle.Registry[*object]

// anyKind is asked for by the functions that work on every kind of object.
const anyKind handle.Kind = 0

// register gives a new object a handle.
func register(k handle.Kind, p core.Component, out *C.uint64_t) (handle.Handle, error) {
	h := registry.Add(k, &object{Component: p})
	if h == 0 {
		return 0, errs.Errorf(errs.ENOMEM, "as many objects of this kind are open as there are handles")
	}
	*out = C.uint64_t(h)
	return h, nil
}

// find finds the object of a handle, and holds it until the entry is released.
func find(h handle.Handle, want handle.Kind) (*entry, error) {
	if want == anyKind || h.Kind() == want {
		if e := registry.Get(h); e != nil {
			return e, nil
		}
	}
	return nil, errs.Errorf(errs.EBADHANDLE, "%s", badHandleText(h, want))
}

func (c call) component() core.Component  { return c.entry.Object().Component }
func (c call) publisher() *core.Publisher { return c.component().(*core.Publisher) }
func (c call) receiver() *core.Receiver   { return c.component().(*core.Receiver) }
func (c call) node() *core.Node           { return c.component().(*core.Node) }

// receiverOf is a receiver itself, or that of a node; nil for anything else.
func receiverOf(p core.Component) *core.Receiver {
	switch p := p.(type) {
	case *core.Receiver:
		return p
	case *core.Node:
		return p.Receiver()
	}
	return nil
}

func badHandleText(h handle.Handle, want handle.Kind) string {
	switch {
	case h == 0:
		return "handle is 0, which is no object"
	case !registry.Issued(h):
		return fmt.Sprintf("handle %s was never issued", h)
	case want != anyKind && h.Kind() != want:
		return fmt.Sprintf("handle %s is a %s, not a %s", h, h.Kind(), want)
	}
	return fmt.Sprintf("handle %s is closed (it was a %s)", h, h.Kind())
}
