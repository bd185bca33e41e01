package main

/*
#include "shim.h"

#cgo noescape shim_alloc
#cgo nocallback shim_alloc
*/
import "C"

import (
	"unsafe"

	"github.com/hermes-zmq/hermes/core"
)

const (
	envelopeSize = C.sizeof_struct_hermes_envelope
	batchSize    = C.sizeof_struct_hermes_batch
)

// textSize is what the texts of an envelope take, each with its NUL.
func textSize(v *core.View) int { return len(v.Topic) + len(v.Origin) + len(v.Data) + 3 }

// packOne writes the only envelope of a delivery into the block, or where that has
// too little room into memory that C frees.
func (c *call) packOne(d *core.Delivery, block *C.struct_shim_block) C.int32_t {
	v := d.At(0)
	size := envelopeSize + textSize(&v)
	if uint64(size) > uint64(block.size) {
		block.start = alloc(size)
		if block.start == nil {
			return c.refuse(noMemory, "no memory for an envelope of %d bytes", size)
		}
	}
	block.size = C.uint64_t(size)
	putEnvelope((*C.struct_hermes_envelope)(block.start), envelopeSize, &v, 0)
	return ok
}

// packAll writes a delivery as one batch, which C frees.
func (c *call) packAll(d *core.Delivery, out **C.struct_hermes_batch) C.int32_t {
	n := d.Len()
	size := batchSize + n*envelopeSize
	for i := range n {
		v := d.At(i)
		size += textSize(&v)
	}
	room := alloc(size)
	if room == nil {
		return c.refuse(noMemory, "no memory for %d envelopes, %d bytes", n, size)
	}
	(*C.struct_hermes_batch)(room).size = C.uint64_t(n)
	envelope, text := batchSize, batchSize+n*envelopeSize
	for i := range n {
		v := d.At(i)
		to := (*C.struct_hermes_envelope)(unsafe.Add(room, envelope))
		text = envelope + putEnvelope(to, text-envelope, &v, 1)
		envelope += envelopeSize
	}
	*out = (*C.struct_hermes_batch)(room)
	return ok
}

// putEnvelope writes an envelope, and its texts at an offset from it. It returns
// the offset behind them.
func putEnvelope(to *C.struct_hermes_envelope, at int, v *core.View, inBatch C.uint64_t) int {
	origin := at + len(v.Topic) + 1
	data := origin + len(v.Origin) + 1
	*to = C.struct_hermes_envelope{
		topic_at: C.uint64_t(at), topic_len: C.uint64_t(len(v.Topic)),
		origin_at: C.uint64_t(origin), origin_len: C.uint64_t(len(v.Origin)),
		data_at: C.uint64_t(data), data_len: C.uint64_t(len(v.Data)),
		ts: C.double(v.TS), received: C.double(v.Received),
		lost:     C.uint64_t(v.Lost),
		in_batch: inBatch,
	}
	start := unsafe.Pointer(to)
	terminate(unsafe.Add(start, at), v.Topic)
	terminate(unsafe.Add(start, origin), v.Origin)
	terminate(unsafe.Add(start, data), v.Data)
	return data + len(v.Data) + 1
}
