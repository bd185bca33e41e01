package main

// #include "exports.h"
import "C"

import (
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

//export hermesgo_publish_marshal
func hermesgo_publish_marshal(h C.uint64_t, values *C.hermes_text, length C.size_t, count *C.size_t) (code C.int32_t) {
	c := call{name: "hermes_publish_marshal"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Publisher); code != ok {
		return code
	}
	n, err := embed.PublisherOf(c.publisher()).TryPublishMarshal(view(values, length))
	if count != nil {
		*count = C.size_t(n)
	}
	return c.done(err)
}

//export hermesgo_recv_marshal
func hermesgo_recv_marshal(h C.uint64_t, most C.size_t, w *C.struct_fast_wait, out **C.char, length *C.size_t) (code C.int32_t) {
	c := call{name: "hermes_recv_marshal"}
	defer c.leave(&code)
	d, code := c.takeMany(h, most, w)
	if code != ok {
		return code
	}
	defer embed.Release(d)
	return c.packMarshal(d, out, length)
}

// packMarshal writes what was taken straight into memory that C frees. Of that there is more
// than needed, but the caller copies it, and memory that is not touched costs nothing.
func (c *call) packMarshal(d *recvqueue.Taken, out **C.char, length *C.size_t) C.int32_t {
	most := embed.MarshalSize(d)
	room := alloc(most)
	if room == nil {
		return c.undelivered(d, "no memory for the values of %d envelopes, up to %d bytes", d.Len(), most)
	}
	values := embed.AppendMarshal(unsafe.Slice((*byte)(room), most)[:0], d)
	if len(values) > most {
		panic("more than there can be, and so not in the room")
	}
	*out, *length = (*C.char)(room), C.size_t(len(values))
	return ok
}
