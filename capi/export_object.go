package main

// #include "exports.h"
import "C"

import (
	"github.com/hermes-zmq/hermes/capi/fast"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/handle"
)

//export hermesgo_publisher_new
func hermesgo_publisher_new(address, name *C.hermes_text, out *C.uint64_t) (code C.int32_t) {
	c := call{name: "hermes_publisher_new"}
	defer c.leave(&code)
	addressText, nameText, code := c.addressAndName(address, name)
	if code != ok {
		return code
	}
	publisher, err := core.NewPublisher(addressText, nameText)
	if err != nil {
		return c.done(err)
	}
	h, code := c.register(handle.Publisher, publisher, out)
	if code != ok {
		return code
	}
	if stager := fast.NewStager(h); stager != nil {
		embed.PublisherOf(publisher).SetStager(stager)
	}
	return ok
}

//export hermesgo_receiver_new
func hermesgo_receiver_new(address, name *C.hermes_text, out *C.uint64_t) (code C.int32_t) {
	c := call{name: "hermes_receiver_new"}
	defer c.leave(&code)
	addressText, nameText, code := c.addressAndName(address, name)
	if code != ok {
		return code
	}
	receiver, err := core.NewReceiver(addressText, nameText)
	if err != nil {
		return c.done(err)
	}
	on := fast.NewWaiter()
	if on == nil {
		return c.refuse(noMemory, "no memory for a receiver")
	}
	embed.ReceiverOf(receiver).SetWaker(&waker{Waiter: on})
	h, code := c.register(handle.Receiver, receiver, out)
	if code != ok {
		return code
	}
	on.Belongs(h)
	if buffer := fast.NewBuffer(h, packed); buffer != nil {
		embed.ReceiverOf(receiver).SetPrefetcher(buffer)
	}
	return ok
}

func (c *call) addressAndName(address, name *C.hermes_text) (string, string, C.int32_t) {
	probe(c.name)
	a, code := c.text("address", address)
	if code != ok {
		return "", "", code
	}
	n, code := c.text("name", name)
	return a, n, code
}

//export hermesgo_postoffice_new
func hermesgo_postoffice_new(in, out, debug *C.hermes_text, handleOut *C.uint64_t) (code C.int32_t) {
	c := call{name: "hermes_postoffice_new"}
	defer c.leave(&code)
	probe(c.name)
	inText, code := c.text("in", in)
	if code != ok {
		return code
	}
	outText, code := c.text("out", out)
	if code != ok {
		return code
	}
	debugText := ""
	if debug != nil {
		if debugText, code = c.text("debug", debug); code != ok {
			return code
		}
	}
	office, err := core.NewPostOffice(inText, outText, debugText)
	if err != nil {
		return c.done(err)
	}
	_, code = c.register(handle.PostOffice, office, handleOut)
	return code
}

//export hermesgo_set
func hermesgo_set(h C.uint64_t, key, value *C.hermes_text) (code C.int32_t) {
	c := call{name: "hermes_set"}
	defer c.leave(&code)
	if code = c.enter(h, anyKind); code != ok {
		return code
	}
	keyText, code := c.text("key", key)
	if code != ok {
		return code
	}
	valueText, code := c.text("value", value)
	if code != ok {
		return code
	}
	if arm(keyText, valueText) {
		return ok
	}
	return c.done(c.component().Set(keyText, valueText))
}

//export hermesgo_get
func hermesgo_get(h C.uint64_t, key *C.hermes_text, buf *C.char, room C.size_t) (code C.int32_t) {
	c := call{name: "hermes_get"}
	defer c.leave(&code)
	if code = c.enter(h, anyKind); code != ok {
		return code
	}
	keyText, code := c.text("key", key)
	if code != ok {
		return code
	}
	value, known := counted(keyText)
	if !known {
		var err error
		if value, err = c.component().Get(keyText); err != nil {
			return c.done(err)
		}
	}
	copyOut(buf, room, value)
	if uint64(len(value)) >= uint64(room) {
		return c.refuse(tooSmall, "option %q needs %d bytes, cap is %d", keyText, len(value)+1, uint64(room))
	}
	return ok
}

//export hermesgo_start
func hermesgo_start(h C.uint64_t) (code C.int32_t) {
	c := call{name: "hermes_start"}
	defer c.leave(&code)
	if code = c.enter(h, anyKind); code != ok {
		return code
	}
	return c.done(c.component().Start())
}

//export hermesgo_stop
func hermesgo_stop(h C.uint64_t, timeout C.int32_t) (code C.int32_t) {
	c := call{name: "hermes_stop"}
	defer c.leave(&code)
	if code = c.enter(h, anyKind); code != ok {
		return code
	}
	return c.done(c.component().Stop(wait(timeout)))
}

//export hermesgo_stop_begin
func hermesgo_stop_begin(h C.uint64_t, timeout C.int32_t) (code C.int32_t) {
	c := call{name: "hermes_stop_begin"}
	defer c.leave(&code)
	if code = c.enter(h, anyKind); code != ok {
		return code
	}
	embed.BeginStop(c.component(), wait(timeout))
	return ok
}

//export hermesgo_close
func hermesgo_close(h C.uint64_t) (code C.int32_t) {
	c := call{name: "hermes_close"}
	defer c.leave(&code)
	id := handle.Handle(h)
	if c.entry = registry.Close(id); c.entry != nil {
		probe(c.name)
		c.close()
		return ok
	}
	if registry.Issued(id) {
		return ok
	}
	return c.refuse(badHandle, "%s", badHandleText(id, anyKind))
}

// close closes the object of the call, whose handle is closed already.
func (c *call) close() {
	_ = c.component().Close() // it is closed, even if not everything could be sent in time
	if r := receiverOf(c.component()); r != nil {
		wakerOf(embed.ReceiverOf(r)).Wake() // the receiver of a closed node may run on, and then does not wake by itself
	}
	c.entry.Object().dropPipe()
}

// closeHandle is hermes_close() for calls from Go.
func closeHandle(id handle.Handle) {
	c := call{name: "hermes_close"}
	var code C.int32_t
	defer c.leave(&code)
	if c.entry = registry.Close(id); c.entry != nil {
		c.close()
	}
}

//export hermesgo_wait
func hermesgo_wait(h C.uint64_t, timeout C.int32_t) (code C.int32_t) {
	c := call{name: "hermes_wait"}
	defer c.leave(&code)
	if code = c.enter(h, anyKind); code != ok {
		return code
	}
	return c.done(c.component().Wait(wait(timeout)))
}

//export hermesgo_wait_ready
func hermesgo_wait_ready(h C.uint64_t, timeout C.int32_t) (code C.int32_t) {
	c := call{name: "hermes_wait_ready"}
	defer c.leave(&code)
	if code = c.enter(h, anyKind); code != ok {
		return code
	}
	return c.done(c.component().WaitReady(wait(timeout)))
}

//export hermesgo_stats
func hermesgo_stats(h C.uint64_t, json **C.char, length *C.size_t) (code C.int32_t) {
	c := call{name: "hermes_stats"}
	defer c.leave(&code)
	if code = c.enter(h, anyKind); code != ok {
		return code
	}
	return c.give(c.component().StatsJSON(), json, length)
}

//export hermesgo_next_event
func hermesgo_next_event(h C.uint64_t, timeout C.int32_t, json **C.char, length *C.size_t) (code C.int32_t) {
	c := call{name: "hermes_next_event"}
	defer c.leave(&code)
	if code = c.enter(h, anyKind); code != ok {
		return code
	}
	event, err := c.component().NextEvent(wait(timeout))
	if err != nil {
		return c.done(err)
	}
	return c.give(event.JSON(), json, length)
}
