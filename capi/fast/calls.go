package fast

/*
#include "entry.h"
#include "jsoncheck.h"
#include "marshalrow.h"
#include "staging.h"
#include "template.h"
#include <stdlib.h>
*/
import "C"

import (
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/handle"
)

// The C functions of this package for its tests, which must not contain C. Nothing else
// calls these, so they are not in the library.

func text(b []byte) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(b))), C.size_t(len(b))
}

func isJSON(b []byte) bool {
	p, n := text(b)
	return C.fast_is_json(p, n) != 0
}

func isPlain(b []byte) bool {
	p, n := text(b)
	return C.fast_is_plain(p, n) != 0
}

// templates is a template cache.
type templates struct{ cache C.struct_fast_templates }

func (t *templates) match(b []byte) bool {
	p, n := text(b)
	return C.fast_template_match(&t.cache, p, n) != 0
}

func (t *templates) learn(b []byte) {
	p, n := text(b)
	C.fast_template_learn(&t.cache, p, n)
}

// texts are copies of the texts of one envelope; topic and origin without quotation marks.
type texts struct{ topic, origin, data []byte }

func textsOf(topic, origin, data *C.char, topicLen, originLen, dataLen C.size_t) *texts {
	return &texts{C.GoBytes(unsafe.Pointer(topic), C.int(topicLen)), C.GoBytes(unsafe.Pointer(origin), C.int(originLen)),
		C.GoBytes(unsafe.Pointer(data), C.int(dataLen))}
}

// marshalRow converts what Python's marshal writes of one envelope; nil: it is for Go.
func marshalRow(values []byte) *texts {
	in := C.CBytes(values) // of C, for the result points into it
	defer C.free(in)
	var row C.struct_fast_row
	if C.fast_marshal_row((*C.char)(in), C.size_t(len(values)), &row) == 0 {
		return nil
	}
	return textsOf(row.topic, row.origin, &row.data[0], row.topic_len, row.origin_len, row.data_len)
}

// splitEntry splits a JSON array of topic, origin and data; nil: it is for Go. The origin is
// nil for null.
func splitEntry(json []byte) *texts {
	in := C.CBytes(json)
	defer C.free(in)
	var e C.struct_fast_entry
	if C.fast_split_entry((*C.char)(in), C.size_t(len(json)), &e) == 0 {
		return nil
	}
	of := textsOf(e.topic, e.origin, e.data, e.topic_len, e.origin_len, e.data_len)
	if e.origin == nil {
		of.origin = nil
	}
	return of
}

func stage(h handle.Handle, topic, origin, data []byte) bool {
	t, tn := text(topic)
	o, on := text(origin)
	d, dn := text(data)
	return C.fast_stage(C.uint64_t(h), t, tn, o, on, d, dn) != 0
}

func stageEntry(h handle.Handle, json []byte) bool {
	p, n := text(json)
	return C.fast_stage_entry(C.uint64_t(h), p, n) != 0
}

func stageRow(h handle.Handle, values []byte) bool {
	p, n := text(values)
	return C.fast_stage_row(C.uint64_t(h), p, n) != 0
}
