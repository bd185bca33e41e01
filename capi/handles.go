package main

// #include "exports.h"
import "C"

import (
	"fmt"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/core"
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
func (c *call) register(k handle.Kind, p core.Component, out *C.uint64_t) (handle.Handle, C.int32_t) {
	h := registry.Add(k, &object{Component: p})
	if h == 0 {
		return 0, c.refuse(noMemory, "as many objects of this kind are open as there are handles")
	}
	*out = C.uint64_t(h)
	return h, ok
}

// enter finds the object and holds it until leave.
func (c *call) enter(h C.uint64_t, want handle.Kind) C.int32_t {
	id := handle.Handle(h)
	if want == anyKind || id.Kind() == want {
		if c.entry = registry.Get(id); c.entry != nil {
			probe(c.name)
			return ok
		}
	}
	return c.refuse(badHandle, "%s", badHandleText(id, want))
}

func (c *call) component() core.Component  { return c.entry.Object().Component }
func (c *call) publisher() *core.Publisher { return c.component().(*core.Publisher) }
func (c *call) receiver() *core.Receiver   { return c.component().(*core.Receiver) }
func (c *call) node() *core.Node           { return c.component().(*core.Node) }

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
