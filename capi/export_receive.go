package main

// #include "exports.h"
import "C"

import (
	"math"
	"unsafe"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

//export hermesgo_receiver_subscribe
func hermesgo_receiver_subscribe(h C.uint64_t, topic *C.hermes_text, length C.size_t) C.int32_t {
	return withText("hermes_receiver_subscribe", h, "topic", "topic_len", topic, length, (*core.Receiver).Subscribe)
}

//export hermesgo_receiver_unsubscribe
func hermesgo_receiver_unsubscribe(h C.uint64_t, topic *C.hermes_text, length C.size_t) C.int32_t {
	return withText("hermes_receiver_unsubscribe", h, "topic", "topic_len", topic, length, (*core.Receiver).Unsubscribe)
}

//export hermesgo_receiver_accept
func hermesgo_receiver_accept(h C.uint64_t, origin *C.hermes_text, length C.size_t) C.int32_t {
	return withText("hermes_receiver_accept", h, "origin", "origin_len", origin, length, (*core.Receiver).Accept)
}

// withText calls a method of a receiver that takes one text.
func withText(name string, h C.uint64_t, argument, lengthArgument string, from *C.hermes_text, length C.size_t,
	method func(*core.Receiver, string) error) C.int32_t {
	return on(name, h, handle.Receiver, needText(argument, lengthArgument, from, length), func(c call) error {
		text, err := sized(argument, from, length)
		if err != nil {
			return err
		}
		return method(c.receiver(), text)
	})
}

// The functions that follow look once for envelopes, and write what they take to block. C calls
// them again as long as they say so (wait.go).

//export hermesgo_recv
func hermesgo_recv(h C.uint64_t, _ C.size_t, w *C.struct_fast_wait, block *C.struct_capi_block) C.int32_t {
	return on("hermes_recv", h, handle.Receiver, nil, func(c call) error {
		r := embed.ReceiverOf(c.receiver())
		d, err := takeOne(r, waitOf(w))
		if err != nil {
			return err
		}
		defer embed.Release(d)
		return packOne(r, d, block)
	})
}

//export hermesgo_node_recv
func hermesgo_node_recv(h C.uint64_t, _ C.size_t, w *C.struct_fast_wait, block *C.struct_capi_block) C.int32_t {
	return on("hermes_node_recv", h, handle.Node, nil, func(c call) error {
		if c.node().Receiver() == nil {
			_, err := c.node().Take(1, 0)
			return err
		}
		r := embed.ReceiverOf(c.node().Receiver())
		d, err := take(r, 1, waitOf(w))
		if err != nil {
			return err
		}
		defer embed.Release(d)
		return packOne(r, d, block)
	})
}

//export hermesgo_recv_batch
func hermesgo_recv_batch(h C.uint64_t, most C.size_t, w *C.struct_fast_wait, block *C.struct_capi_block) C.int32_t {
	return takeMany("hermes_recv_batch", h, most, w, block, packAll)
}

//export hermesgo_recv_json
func hermesgo_recv_json(h C.uint64_t, most C.size_t, w *C.struct_fast_wait, block *C.struct_capi_block) C.int32_t {
	return takeMany("hermes_recv_json", h, most, w, block, packJSON)
}

//export hermesgo_recv_marshal
func hermesgo_recv_marshal(h C.uint64_t, most C.size_t, w *C.struct_fast_wait, block *C.struct_capi_block) C.int32_t {
	return takeMany("hermes_recv_marshal", h, most, w, block, packMarshal)
}

// takeMany takes up to most envelopes, and packs them in one of the forms that there are.
func takeMany(name string, h C.uint64_t, most C.size_t, w *C.struct_fast_wait, block *C.struct_capi_block,
	pack func(*embed.Receiver, *recvqueue.Taken, *C.struct_capi_block) error) C.int32_t {
	return on(name, h, handle.Receiver, nil, func(c call) error {
		if most == 0 {
			return errs.Errorf(errs.EINVAL, "max is 0, and must be at least 1")
		}
		r := embed.ReceiverOf(c.receiver())
		d, err := take(r, int(min(uint64(most), math.MaxInt)), waitOf(w))
		if err != nil {
			return err
		}
		defer embed.Release(d)
		return pack(r, d, block)
	})
}

// packJSON writes what was taken as one JSON text straight into memory that C frees.
func packJSON(r *embed.Receiver, d *recvqueue.Taken, block *C.struct_capi_block) error {
	size := r.JSONSize(d)
	room := alloc(size + 1)
	if room == nil {
		return undelivered(r, d, "no memory for %d envelopes as JSON, %d bytes", d.Len(), size)
	}
	text := r.AppendJSON(unsafe.Slice((*byte)(room), size+1)[:0:size], d)
	unsafe.Slice((*byte)(room), size+1)[len(text)] = 0
	block.start, block.size, block.count = room, C.uint64_t(len(text)), C.uint64_t(d.Len())
	return nil
}

// packMarshal writes what was taken straight into memory that C frees. Of that there is more
// than needed, but the caller copies it, and memory that is not touched costs nothing.
func packMarshal(r *embed.Receiver, d *recvqueue.Taken, block *C.struct_capi_block) error {
	most := embed.MarshalSize(d)
	room := alloc(most)
	if room == nil {
		return undelivered(r, d, "no memory for the values of %d envelopes, up to %d bytes", d.Len(), most)
	}
	values := embed.AppendMarshal(unsafe.Slice((*byte)(room), most)[:0], d)
	if len(values) > most {
		panic("more than there can be, and so not in the room")
	}
	block.start, block.size = room, C.uint64_t(len(values))
	return nil
}
