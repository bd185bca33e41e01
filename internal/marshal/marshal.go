// Package marshal translates between JSON and the format of Python's module marshal. Python
// converts that format to objects and back several times as fast as JSON, because numbers are
// not text in it. It hides the format.
//
// Only values with the same meaning in both are translated: null, booleans, integers of 64
// bits, floats, strings, arrays, and objects whose keys are strings. The others are refused,
// and left to Python's json. The codes are those of version 2 of the format, which all Pythons
// read, and one of version 4 for short strings, which Python reads since 3.4 (CPython,
// Python/marshal.c).
//
// marshal.go has the codes, tojson.go the way from marshal to JSON, fromjson.go that from JSON to
// marshal. Both check sizes and depth, so that bytes of any origin are safe to read. There are
// no locks; a Decoder is for one goroutine.
package marshal

import "github.com/hermes-zmq/hermes/internal/wire"

// The codes: one byte before each value. Numbers are little-endian.
//
//	code     followed by
//	N T F    nothing: None, True, False
//	i        int32
//	l        int32: how many digits of 15 bits, negative for a negative number; uint16 digits,
//	         the least significant first
//	g        float64
//	u        int32 size; UTF-8
//	z        1 byte size; ASCII
//	s        int32 size; bytes
//	[ (      int32 count; values
//	{        keys and values; 0
const (
	null        = 'N'
	yes         = 'T'
	no          = 'F'
	int32Code   = 'i'
	longCode    = 'l'
	floatCode   = 'g'
	unicodeCode = 'u'
	asciiCode   = 'z'
	bytesCode   = 's'
	listCode    = '['
	tupleCode   = '('
	dictCode    = '{'
	endCode     = '0' // of a dict
)

// digitBits is the size of a digit of a long integer, in bits.
const digitBits = 15

// longest is how many such digits 64 bits need.
const longest = 5

// deepest is how deep arrays and objects may nest. Python's marshal reads and writes twice as
// deep.
const deepest = wire.MaxDepth
