package main

// #include "exports.h"
import "C"

import (
	"math"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

//export hermesgo_receiver_subscribe
func hermesgo_receiver_subscribe(h C.uint64_t, topic *C.hermes_text, length C.size_t) (code C.int32_t) {
	c := call{name: "hermes_receiver_subscribe"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Receiver); code != ok {
		return code
	}
	text, code := c.sized("topic", topic, length)
	if code != ok {
		return code
	}
	return c.done(c.receiver().Subscribe(text))
}

//export hermesgo_receiver_unsubscribe
func hermesgo_receiver_unsubscribe(h C.uint64_t, topic *C.hermes_text, length C.size_t) (code C.int32_t) {
	c := call{name: "hermes_receiver_unsubscribe"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Receiver); code != ok {
		return code
	}
	text, code := c.sized("topic", topic, length)
	if code != ok {
		return code
	}
	return c.done(c.receiver().Unsubscribe(text))
}

//export hermesgo_receiver_accept
func hermesgo_receiver_accept(h C.uint64_t, origin *C.hermes_text, length C.size_t) (code C.int32_t) {
	c := call{name: "hermes_receiver_accept"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Receiver); code != ok {
		return code
	}
	text, code := c.sized("origin", origin, length)
	if code != ok {
		return code
	}
	return c.done(c.receiver().Accept(text))
}

//export hermesgo_recv
func hermesgo_recv(h C.uint64_t, w *C.struct_fast_wait, block *C.struct_capi_block) (code C.int32_t) {
	c := call{name: "hermes_recv"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Receiver); code != ok {
		return code
	}
	d, code := c.takeOne(embed.ReceiverOf(c.receiver()), waitOf(w))
	if code != ok {
		return code
	}
	defer embed.Release(d)
	return c.packOne(d, block)
}

//export hermesgo_recv_batch
func hermesgo_recv_batch(h C.uint64_t, most C.size_t, w *C.struct_fast_wait, block *C.struct_capi_block) (code C.int32_t) {
	c := call{name: "hermes_recv_batch"}
	defer c.leave(&code)
	d, code := c.takeMany(h, most, w)
	if code != ok {
		return code
	}
	defer embed.Release(d)
	return c.packAll(d, block)
}

//export hermesgo_recv_json
func hermesgo_recv_json(h C.uint64_t, most C.size_t, w *C.struct_fast_wait, out **C.char, length, count *C.size_t) (code C.int32_t) {
	c := call{name: "hermes_recv_json"}
	defer c.leave(&code)
	d, code := c.takeMany(h, most, w)
	if code != ok {
		return code
	}
	defer embed.Release(d)
	if code = c.packJSON(d, out, length); code == ok && count != nil {
		*count = C.size_t(d.Len())
	}
	return code
}

func (c *call) takeMany(h C.uint64_t, most C.size_t, w *C.struct_fast_wait) (*recvqueue.Taken, C.int32_t) {
	if code := c.enter(h, handle.Receiver); code != ok {
		return nil, code
	}
	if most == 0 {
		return nil, c.refuse(invalid, "max is 0, and must be at least 1")
	}
	return c.take(embed.ReceiverOf(c.receiver()), int(min(uint64(most), math.MaxInt)), waitOf(w))
}

// packJSON writes what was taken as one JSON text straight into memory that C frees.
func (c *call) packJSON(d *recvqueue.Taken, out **C.char, length *C.size_t) C.int32_t {
	r := embed.ReceiverOf(c.receiver())
	size := r.JSONSize(d)
	room := alloc(size + 1)
	if room == nil {
		return c.undelivered(d, "no memory for %d envelopes as JSON, %d bytes", d.Len(), size)
	}
	text := r.AppendJSON(unsafe.Slice((*byte)(room), size+1)[:0:size], d)
	unsafe.Slice((*byte)(room), size+1)[len(text)] = 0
	*out = (*C.char)(room)
	if length != nil {
		*length = C.size_t(len(text))
	}
	return ok
}

//export hermesgo_fd
func hermesgo_fd(h C.uint64_t) (code C.int32_t) {
	c := call{name: "hermes_fd"}
	defer c.leave(&code)
	if code = c.enter(h, anyKind); code != ok {
		return code
	}
	component, waitable := c.component().(interface{ FD() (int, error) })
	if receiver := receiverOf(c.component()); receiver != nil {
		component, waitable = receiver, true
	}
	if !waitable {
		return c.refuse(unsupported, "handle %s is a %s, which has nothing to wait for", handle.Handle(h), handle.Handle(h).Kind())
	}
	fd, err := component.FD()
	if err != nil {
		return c.done(err)
	}
	return C.int32_t(fd)
}
