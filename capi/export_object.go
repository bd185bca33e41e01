package main

// #include "exports.h"
import "C"

import (
	"cmp"

	"github.com/hermes-zmq/hermes/capi/fast"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/handle"
)

//export hermesgo_publisher_new
func hermesgo_publisher_new(address, name *C.hermes_text, out *C.uint64_t) C.int32_t {
	wrong := cmp.Or(need("address", address), need("name", name), need("publisher", out))
	return do("hermes_publisher_new", wrong, func(call) error {
		addressText, nameText, err := addressAndName(address, name)
		if err != nil {
			return err
		}
		publisher, err := core.NewPublisher(addressText, nameText)
		if err != nil {
			return err
		}
		h, err := register(handle.Publisher, publisher, out)
		if err != nil {
			return err
		}
		if stager := fast.NewStager(h); stager != nil {
			embed.PublisherOf(publisher).SetStager(stager)
		}
		return nil
	})
}

//export hermesgo_receiver_new
func hermesgo_receiver_new(address, name *C.hermes_text, out *C.uint64_t) C.int32_t {
	wrong := cmp.Or(need("address", address), need("name", name), need("receiver", out))
	return do("hermes_receiver_new", wrong, func(call) error {
		addressText, nameText, err := addressAndName(address, name)
		if err != nil {
			return err
		}
		receiver, err := core.NewReceiver(addressText, nameText)
		if err != nil {
			return err
		}
		waiter := fast.NewWaiter()
		if waiter == nil {
			return errs.Errorf(errs.ENOMEM, "no memory for a receiver")
		}
		embed.ReceiverOf(receiver).SetWaker(&waker{Waiter: waiter})
		h, err := register(handle.Receiver, receiver, out)
		if err != nil {
			return err
		}
		waiter.Belongs(h)
		if buffer := fast.NewBuffer(h, packed); buffer != nil {
			embed.ReceiverOf(receiver).SetPrefetcher(buffer)
		}
		if handoff := fast.NewHandoff(h, packTo); handoff != nil {
			embed.ReceiverOf(receiver).SetHandoff(handoff)
		}
		return nil
	})
}

func addressAndName(address, name *C.hermes_text) (addressText, nameText string, err error) {
	if addressText, err = text("address", address); err == nil {
		nameText, err = text("name", name)
	}
	return addressText, nameText, err
}

//export hermesgo_postoffice_new
func hermesgo_postoffice_new(in, out, debug *C.hermes_text, handleOut *C.uint64_t) C.int32_t {
	wrong := cmp.Or(need("in", in), need("out", out), need("postoffice", handleOut))
	return do("hermes_postoffice_new", wrong, func(call) error {
		inText, err := text("in", in)
		if err != nil {
			return err
		}
		outText, err := text("out", out)
		if err != nil {
			return err
		}
		debugText, err := text("debug", debug) // NULL is ""
		if err != nil {
			return err
		}
		office, err := core.NewPostOffice(inText, outText, debugText)
		if err != nil {
			return err
		}
		_, err = register(handle.PostOffice, office, handleOut)
		return err
	})
}

//export hermesgo_set
func hermesgo_set(h C.uint64_t, key, value *C.hermes_text) C.int32_t {
	return on("hermes_set", h, anyKind, cmp.Or(need("key", key), need("value", value)), func(c call) error {
		keyText, err := text("key", key)
		if err != nil {
			return err
		}
		valueText, err := text("value", value)
		if err != nil || arm(keyText, valueText) {
			return err
		}
		return c.component().Set(keyText, valueText)
	})
}

//export hermesgo_get
func hermesgo_get(h C.uint64_t, key *C.hermes_text, buf *C.char, room C.size_t) C.int32_t {
	return on("hermes_get", h, anyKind, cmp.Or(need("key", key), need("buf", buf)), func(c call) error {
		keyText, err := text("key", key)
		if err != nil {
			return err
		}
		value, known := spared(keyText)
		if !known {
			if value, err = c.component().Get(keyText); err != nil {
				return err
			}
		}
		copyOut(buf, room, value)
		if uint64(len(value)) >= uint64(room) {
			return errs.Errorf(errs.ERANGE, "option %q needs %d bytes, cap is %d", keyText, len(value)+1, uint64(room))
		}
		return nil
	})
}

//export hermesgo_start
func hermesgo_start(h C.uint64_t) C.int32_t {
	return on("hermes_start", h, anyKind, nil, func(c call) error { return c.component().Start() })
}

//export hermesgo_stop
func hermesgo_stop(h C.uint64_t, timeout C.int32_t) C.int32_t {
	return on("hermes_stop", h, anyKind, nil, func(c call) error { return c.component().Stop(wait(timeout)) })
}

//export hermesgo_stop_begin
func hermesgo_stop_begin(h C.uint64_t, timeout C.int32_t) C.int32_t {
	return on("hermes_stop_begin", h, anyKind, nil, func(c call) error {
		embed.BeginStop(c.component(), wait(timeout))
		return nil
	})
}

//export hermesgo_close
func hermesgo_close(h C.uint64_t) C.int32_t { return closeHandle(handle.Handle(h)) }

// closeHandle is hermes_close().
func closeHandle(h handle.Handle) (code C.int32_t) {
	c := call{name: "hermes_close"}
	defer c.leave(&code)
	if c.entry = registry.Close(h); c.entry == nil {
		if registry.Issued(h) {
			return C.HERMES_OK
		}
		return c.done(errs.Errorf(errs.EBADHANDLE, "%s", badHandleText(h, anyKind)))
	}
	probe(c.name)
	_ = c.component().Close() // it is closed, even if not everything could be sent in time
	if r := receiverOf(c.component()); r != nil {
		wakerOf(embed.ReceiverOf(r)).Wake() // the receiver of a closed node may run on, and then does not wake by itself
	}
	c.entry.Object().dropPipe()
	return C.HERMES_OK
}

//export hermesgo_wait
func hermesgo_wait(h C.uint64_t, timeout C.int32_t) C.int32_t {
	return on("hermes_wait", h, anyKind, nil, func(c call) error { return c.component().Wait(wait(timeout)) })
}

//export hermesgo_wait_ready
func hermesgo_wait_ready(h C.uint64_t, timeout C.int32_t) C.int32_t {
	return on("hermes_wait_ready", h, anyKind, nil, func(c call) error { return c.component().WaitReady(wait(timeout)) })
}

//export hermesgo_fd
func hermesgo_fd(h C.uint64_t) C.int32_t {
	var fd int
	code := on("hermes_fd", h, anyKind, nil, func(c call) (err error) {
		component, waitable := c.component().(interface{ FD() (int, error) })
		if receiver := receiverOf(c.component()); receiver != nil {
			component, waitable = receiver, true
		}
		if !waitable {
			return errs.Errorf(errs.ENOTSUP, "handle %s is a %s, which has nothing to wait for", handle.Handle(h), handle.Handle(h).Kind())
		}
		fd, err = component.FD()
		return err
	})
	return descriptor(code, fd)
}

// descriptor is what a function returns that gives a descriptor.
func descriptor(code C.int32_t, fd int) C.int32_t {
	if code != C.HERMES_OK {
		return code
	}
	return C.int32_t(fd)
}

//export hermesgo_stats
func hermesgo_stats(h C.uint64_t, json **C.char, length *C.size_t) C.int32_t {
	return on("hermes_stats", h, anyKind, need("json", json), func(c call) error {
		return give(c.component().StatsJSON(), json, length)
	})
}

//export hermesgo_next_event
func hermesgo_next_event(h C.uint64_t, timeout C.int32_t, json **C.char, length *C.size_t) C.int32_t {
	return on("hermes_next_event", h, anyKind, need("json", json), func(c call) error {
		event, err := c.component().NextEvent(wait(timeout))
		if err != nil {
			return err
		}
		return give(event.JSON(), json, length)
	})
}
