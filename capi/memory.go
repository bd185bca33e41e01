package main

// #include "exports.h"
import "C"

import (
	"math"
	"unicode/utf8"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/errs"
)

// need refuses an argument that is NULL.
func need[T any](argument string, pointer *T) error {
	if pointer == nil {
		return errs.Errorf(errs.EINVAL, "%s is NULL", argument)
	}
	return nil
}

// tooLong is longer than any memory, and small enough that a few lengths can be added up.
const tooLong = math.MaxInt / 4

// needText refuses a text of C that cannot be as long as is said, and names both arguments. NULL
// is an empty text.
func needText(argument, lengthArgument string, from *C.hermes_text, length C.size_t) error {
	if from == nil && length != 0 {
		return errs.Errorf(errs.EINVAL, "%s is NULL, but %s is %d", argument, lengthArgument, length)
	}
	if length > tooLong || uint64(length) > math.MaxUint64-uint64(uintptr(unsafe.Pointer(from))) {
		return errs.Errorf(errs.EINVAL, "%s is %d, more than memory can hold", lengthArgument, length)
	}
	return nil
}

// view is a text of C as bytes, not copied: valid during the call only. It is nil if the
// pointer is NULL, and only then.
func view(text *C.hermes_text, length C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(text)), int(length))
}

// text copies a NUL-terminated text of C. It refuses one that is not UTF-8, and names the
// argument.
func text(argument string, from *C.hermes_text) (string, error) {
	return checked(argument, C.GoString((*C.char)(unsafe.Pointer(from))))
}

// sized copies a text of C with a length, and checks it as text does.
func sized(argument string, from *C.hermes_text, length C.size_t) (string, error) {
	return checked(argument, string(view(from, length)))
}

func checked(argument, s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", errs.Errorf(errs.EUTF8, "%s %q is not UTF-8", argument, s)
	}
	return s, nil
}

// give copies a text into memory that C frees. length may be nil.
func give(text []byte, out **C.char, length *C.size_t) error {
	room := alloc(len(text) + 1)
	if room == nil {
		return errs.Errorf(errs.ENOMEM, "no memory for a text of %d bytes", len(text))
	}
	put(unsafe.Slice((*byte)(room), len(text)+1), 0, text)
	*out = (*C.char)(room)
	if length != nil {
		*length = C.size_t(len(text))
	}
	return nil
}

// alloc is malloc; nil if there is no memory.
func alloc(size int) unsafe.Pointer { return C.capi_alloc(C.size_t(size)) }

// copyOut copies a value into the buffer of the caller, cut to its size.
func copyOut(buf *C.char, room C.size_t, value string) {
	C.capi_copy_text(buf, room, (*C.hermes_text)(unsafe.Pointer(unsafe.StringData(value))), C.size_t(len(value)))
}
