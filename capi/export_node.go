package main

// #include "exports.h"
import "C"

import (
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/handle"
)

//export hermesgo_node_new
func hermesgo_node_new(name *C.hermes_text, receiver, publisher C.uint64_t, out *C.uint64_t) (code C.int32_t) {
	c := call{name: "hermes_node_new"}
	defer c.leave(&code)
	probe(c.name)
	nameText, code := c.text("name", name)
	if code != ok {
		return code
	}
	r, code := componentOfNode[*core.Receiver](&c, receiver, handle.Receiver)
	if code != ok {
		return code
	}
	p, code := componentOfNode[*core.Publisher](&c, publisher, handle.Publisher)
	if code != ok {
		return code
	}
	node, err := core.NewNode(nameText, r, p)
	if err != nil {
		return c.done(err)
	}
	_, code = c.register(handle.Node, node, out)
	return code
}

// componentOfNode finds a component for a new node, which from then on keeps it alive; nil
// for the handle 0.
func componentOfNode[T core.Component](c *call, h C.uint64_t, want handle.Kind) (component T, code C.int32_t) {
	if h == 0 {
		return component, ok
	}
	id := handle.Handle(h)
	if id.Kind() == want {
		if e := registry.Get(id); e != nil {
			defer e.Release()
			return e.Object().Component.(T), ok
		}
	}
	return component, c.refuse(badHandle, "%s: %s", want, badHandleText(id, want))
}

//export hermesgo_node_publish
func hermesgo_node_publish(h C.uint64_t, channel *C.hermes_text, channelLen C.size_t, data *C.hermes_text,
	dataLen C.size_t) (code C.int32_t) {
	c := call{name: "hermes_node_publish"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Node); code != ok {
		return code
	}
	text, code := c.sized("channel", channel, channelLen)
	if code != ok {
		return code
	}
	return c.done(c.node().Publish(text, view(data, dataLen)))
}

//export hermesgo_node_recv
func hermesgo_node_recv(h C.uint64_t, w *C.struct_fast_wait, block *C.struct_capi_block) (code C.int32_t) {
	c := call{name: "hermes_node_recv"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Node); code != ok {
		return code
	}
	r := c.node().Receiver()
	if r == nil {
		_, err := c.node().Take(1, 0)
		return c.done(err)
	}
	d, code := c.take(embed.ReceiverOf(r), 1, waitOf(w))
	if code != ok {
		return code
	}
	defer embed.Release(d)
	return c.packOne(d, block)
}

//export hermesgo_node_run
func hermesgo_node_run(h C.uint64_t) (code C.int32_t) {
	c := call{name: "hermes_node_run"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Node); code != ok {
		return code
	}
	return c.done(c.node().Run())
}
