package main

// #include "exports.h"
import "C"

import (
	"cmp"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/handle"
)

//export hermesgo_node_new
func hermesgo_node_new(name *C.hermes_text, receiver, publisher C.uint64_t, out *C.uint64_t) C.int32_t {
	return do("hermes_node_new", cmp.Or(need("name", name), need("node", out)), func(call) error {
		nameText, err := text("name", name)
		if err != nil {
			return err
		}
		r, err := componentOfNode[*core.Receiver](receiver, handle.Receiver)
		if err != nil {
			return err
		}
		p, err := componentOfNode[*core.Publisher](publisher, handle.Publisher)
		if err != nil {
			return err
		}
		node, err := core.NewNode(nameText, r, p)
		if err != nil {
			return err
		}
		_, err = register(handle.Node, node, out)
		return err
	})
}

// componentOfNode finds a component for a new node, which from then on keeps it alive; nil
// for the handle 0.
func componentOfNode[T core.Component](h C.uint64_t, want handle.Kind) (component T, err error) {
	if h == 0 {
		return component, nil
	}
	e, err := find(handle.Handle(h), want)
	if err != nil {
		return component, errs.Errorf(errs.EBADHANDLE, "%s: %w", want, err)
	}
	defer e.Release()
	return e.Object().Component.(T), nil
}

//export hermesgo_node_run
func hermesgo_node_run(h C.uint64_t) C.int32_t {
	return on("hermes_node_run", h, handle.Node, nil, func(c call) error { return c.node().Run() })
}
