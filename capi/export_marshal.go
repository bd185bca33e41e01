package main

// #include "shim.h"
import "C"

import (
	"sync"

	"github.com/hermes-zmq/hermes/capi/internal/handle"
)

//export hermesgo_publish_marshal
func hermesgo_publish_marshal(h C.uint64_t, values *C.hermes_text, length C.size_t, count *C.size_t) (code C.int32_t) {
	c := call{name: "hermes_publish_marshal"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Publisher); code != ok {
		return code
	}
	n, err := c.publisher().TryPublishMarshal(view(values, length))
	if count != nil {
		*count = C.size_t(n)
	}
	return c.done(err)
}

//export hermesgo_recv_marshal
func hermesgo_recv_marshal(h C.uint64_t, most C.size_t, w *C.struct_shim_wait, out **C.char, length *C.size_t) (code C.int32_t) {
	c := call{name: "hermes_recv_marshal"}
	defer c.leave(&code)
	d, code := c.takeMany(h, most, w)
	if code != ok {
		return code
	}
	defer d.Release()
	room := marshalled.Get().(*[]byte)
	values := d.AppendMarshal((*room)[:0])
	if code = c.give(values, out, length); cap(values) <= marshalledKept {
		*room = values
	}
	marshalled.Put(room)
	return code
}

// marshalled is room for what is handed out, before it is known how much that is.
var marshalled = sync.Pool{New: func() any { return new([]byte) }}

// marshalledKept is the most that is kept of such room.
const marshalledKept = 256 << 10
