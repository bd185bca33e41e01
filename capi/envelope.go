package main

/*
#include "exports.h"

#cgo noescape capi_alloc
#cgo nocallback capi_alloc
*/
import "C"

import (
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

const (
	envelopeSize = C.sizeof_struct_hermes_envelope
	batchSize    = C.sizeof_struct_hermes_batch
)

// textSize is the size of the texts of an envelope, each with its NUL, in bytes.
func textSize(v *recvqueue.View) int {
	context := 0
	if v.TraceParent != nil {
		context = len(v.TraceParent) + 1
	}
	if v.Run != nil {
		return len(v.Run) + 1 + context
	}
	return len(v.Topic) + len(v.Origin) + len(v.Data) + 3 + context
}

// packOne writes the only envelope that was taken into the block, or into memory that C
// frees if the block is too small.
func packOne(r *embed.Receiver, d *recvqueue.Taken, block *C.struct_capi_block) error {
	var v recvqueue.View
	d.Look(0, &v)
	size := envelopeSize + textSize(&v)
	if uint64(size) > uint64(block.size) {
		block.start = alloc(size)
		if block.start == nil {
			return undelivered(r, d, "no memory for an envelope of %d bytes", size)
		}
	}
	block.size = C.uint64_t(size)
	putEnvelope(unsafe.Slice((*byte)(block.start), size), 0, envelopeSize, &v, 0)
	return nil
}

// packTo writes the only envelope that was taken to a room, and returns its size; 0: the room is
// too small.
func packTo(d *recvqueue.Taken, room []byte) int {
	var v recvqueue.View
	d.Look(0, &v)
	size := envelopeSize + textSize(&v)
	if size > len(room) {
		return 0
	}
	putEnvelope(room[:size], 0, envelopeSize, &v, 0)
	return size
}

// undelivered is the error for want of memory; it counts what was taken as dropped.
func undelivered(r *embed.Receiver, d *recvqueue.Taken, format string, args ...any) error {
	r.Undelivered(d.Len())
	return errs.Errorf(errs.ENOMEM, format, args...)
}

// hermesgo_undelivered counts an envelope as dropped for which C has no memory. If the handle
// was closed meanwhile, there are no counters any more.
//
//export hermesgo_undelivered
func hermesgo_undelivered(h C.uint64_t) {
	if e := registry.Get(handle.Handle(h)); e != nil {
		defer e.Release()
		if r := receiverOf(e.Object().Component); r != nil {
			embed.ReceiverOf(r).Undelivered(1)
		}
	}
}

// packAll writes what was taken as one batch, which C frees.
func packAll(r *embed.Receiver, d *recvqueue.Taken, block *C.struct_capi_block) error {
	batch, size := pack(d)
	if batch == nil {
		return undelivered(r, d, "no memory for %d envelopes, %d bytes", d.Len(), size)
	}
	block.start, block.size = batch, C.uint64_t(size)
	return nil
}

// packed is pack for the prefetch buffer.
func packed(d *recvqueue.Taken) unsafe.Pointer {
	batch, _ := pack(d)
	return batch
}

// pack writes what was taken as one batch. It allocates at least what is needed, and returns
// how much of that it used, so that C can free the rest: in this way each text is decoded
// once. batch is nil if there is no memory.
func pack(d *recvqueue.Taken) (batch unsafe.Pointer, used int) {
	n := d.Len()
	size := batchSize + n*envelopeSize + d.JSONSize(false) // its punctuation is no less than the NULs, and what is between the texts of a run; a trace context takes less than its white space
	if batch = alloc(size); batch == nil {
		return nil, size
	}
	room := unsafe.Slice((*byte)(batch), size)
	(*C.struct_hermes_batch)(batch).size = C.uint64_t(n)
	envelope, text := batchSize, batchSize+n*envelopeSize
	var v recvqueue.View
	for i := range n {
		d.Look(i, &v)
		text = putEnvelope(room, envelope, text, &v, C.CAPI_IN_BATCH)
		envelope += envelopeSize
	}
	return batch, text
}

// putEnvelope writes an envelope at one offset of room, and its texts at another. It returns
// the offset behind the texts.
func putEnvelope(room []byte, at, text int, v *recvqueue.View, flags C.uint64_t) int {
	topic := text - at // offsets count from the envelope
	origin, data := topic+len(v.Topic)+1, topic+len(v.Topic)+1+len(v.Origin)+1
	if v.Run != nil {
		origin, data = topic+v.OriginAt, topic+v.DataAt
	}
	e := (*C.struct_hermes_envelope)(unsafe.Pointer(&room[at]))
	e.topic_at, e.topic_len = C.uint64_t(topic), C.uint64_t(len(v.Topic))
	e.origin_at, e.origin_len = C.uint64_t(origin), C.uint64_t(len(v.Origin))
	e.data_at, e.data_len = C.uint64_t(data), C.uint64_t(len(v.Data))
	e.ts, e.received = C.double(v.TS), C.double(v.Received)
	e.lost, e.flags = C.uint64_t(v.Lost), flags
	if v.TraceParent != nil {
		e.flags |= C.CAPI_HAS_TRACEPARENT
	}
	end := 0
	if v.Run == nil {
		end = put(room, put(room, put(room, text, v.Topic), v.Origin), v.Data)
	} else {
		end = put(room, text, v.Run)
		room[text+len(v.Topic)], room[text+v.OriginAt+len(v.Origin)] = 0, 0
	}
	if v.TraceParent != nil {
		end = put(room, end, v.TraceParent)
	}
	return end
}

// put writes a text and a NUL at an offset, and returns the offset behind them.
func put(room []byte, at int, text []byte) int {
	end := at + len(text)
	copy(room[at:end], text)
	room[end] = 0
	return end + 1
}
