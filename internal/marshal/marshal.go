// Package marshal translates between JSON and the format of Python's module marshal.
// Python makes objects of that, and it of objects, several times as fast as of JSON, for
// numbers are not text in it.
//
// Only what has one meaning in both goes through: null, booleans, integers of 64 bits,
// floats, strings, arrays, and objects whose keys are strings. The rest is refused, and is
// for Python's json to decide. The codes are those of version 2, which all Pythons know,
// and one of version 4 for short strings, known since 3.4.
package marshal

import "github.com/hermes-zmq/hermes/internal/wire"

// The codes, one byte before each value. Numbers are little-endian.
const (
	null        = 'N'
	yes         = 'T'
	no          = 'F'
	int32Code   = 'i'
	longCode    = 'l' // how many digits of 15 bits as an int32, with the sign; the digits
	floatCode   = 'g'
	unicodeCode = 'u' // an int32 of how many bytes, UTF-8
	asciiCode   = 'z' // a byte of how many bytes
	bytesCode   = 's' // an int32 of how many
	listCode    = '[' // an int32 of how many
	tupleCode   = '('
	dictCode    = '{' // keys and values
	endCode     = '0' // of a dict
)

// digitBits is how many bits a digit of a long integer has.
const digitBits = 15

// longest is how many digits 64 bits need.
const longest = 5

// deepest is how deep arrays and objects may be within each other. Python's marshal reads
// and writes twice as deep.
const deepest = wire.MaxDepth
