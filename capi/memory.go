package main

// #include "exports.h"
import "C"

import (
	"unicode/utf8"
	"unsafe"
)

// view is a text of C as bytes, not copied: valid during the call only. It is nil if the
// pointer is NULL, and only then.
func view(text *C.hermes_text, length C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(text)), int(length))
}

// text copies a NUL-terminated text of C. It refuses one that is not UTF-8, and names the
// argument.
func (c *call) text(argument string, from *C.hermes_text) (string, C.int32_t) {
	s := C.GoString((*C.char)(unsafe.Pointer(from)))
	return s, c.checkUTF8(argument, s)
}

// sized copies a text of C with a length, and checks it as text does.
func (c *call) sized(argument string, from *C.hermes_text, length C.size_t) (string, C.int32_t) {
	s := string(view(from, length))
	return s, c.checkUTF8(argument, s)
}

func (c *call) checkUTF8(argument, s string) C.int32_t {
	if utf8.ValidString(s) {
		return ok
	}
	return c.refuse(badText, "%s %q is not UTF-8", argument, s)
}

// give copies a text into memory that C frees. length may be nil.
func (c *call) give(text []byte, out **C.char, length *C.size_t) C.int32_t {
	room := alloc(len(text) + 1)
	if room == nil {
		return c.refuse(noMemory, "no memory for a text of %d bytes", len(text))
	}
	put(unsafe.Slice((*byte)(room), len(text)+1), 0, text)
	*out = (*C.char)(room)
	if length != nil {
		*length = C.size_t(len(text))
	}
	return ok
}

// alloc is malloc; nil if there is no memory.
func alloc(size int) unsafe.Pointer { return C.capi_alloc(C.size_t(size)) }

// copyOut copies a value into the buffer of the caller, cut to its size.
func copyOut(buf *C.char, room C.size_t, value string) {
	C.capi_copy_text(buf, room, (*C.hermes_text)(unsafe.Pointer(unsafe.StringData(value))), C.size_t(len(value)))
}
