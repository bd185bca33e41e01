package marshal

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// Decoder reads the output of Python's marshal.dumps. After it has refused one value it
// refuses all.
type Decoder struct {
	in      []byte // not yet read
	refused bool
}

// NewDecoder reads values from in.
func NewDecoder(in []byte) Decoder { return Decoder{in: in} }

// Row is an envelope as JSON: a string, another, and any value.
type Row struct{ Topic, Origin, Data []byte }

// Rows reads the beginning of a list and returns its number of elements.
func (r *Decoder) Rows() (int, bool) {
	n := r.open(listCode)
	return n, !r.refused
}

// Row reads a tuple (topic, origin, data) into scratch, which it returns as room because it
// may have grown. The row is a view of room.
func (r *Decoder) Row(scratch []byte) (row Row, room []byte, ok bool) {
	if r.open(tupleCode) != 3 {
		r.refused = true
	}
	out := r.text(scratch[:0])
	topic := len(out)
	out = r.text(out)
	origin := len(out)
	out = r.value(out, 0)
	return Row{out[:topic:topic], out[topic:origin:origin], out[origin:]}, out, !r.refused
}

// Done reports whether everything was read, and nothing refused.
func (r *Decoder) Done() bool { return len(r.in) == 0 && !r.refused }

// open reads the code and the number of elements of an array.
func (r *Decoder) open(code byte) int {
	if r.code() != code {
		r.refused = true
	}
	return r.size()
}

// text reads a string.
func (r *Decoder) text(dst []byte) []byte {
	switch r.code() {
	case unicodeCode:
		return r.string(dst, r.size())
	case asciiCode:
		return r.string(dst, int(r.code()))
	}
	r.refused = true
	return dst
}

// value reads any value, and appends it as json.dumps writes it.
func (r *Decoder) value(dst []byte, depth int) []byte {
	switch code := r.code(); code {
	case null:
		return append(dst, "null"...)
	case yes:
		return append(dst, "true"...)
	case no:
		return append(dst, "false"...)
	case int32Code:
		return strconv.AppendInt(dst, int64(r.int32()), 10)
	case longCode:
		return r.long(dst)
	case floatCode:
		return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(r.take(8))))
	case unicodeCode:
		return r.string(dst, r.size())
	case asciiCode:
		return r.string(dst, int(r.code()))
	case listCode, tupleCode:
		return r.array(dst, depth+1)
	case dictCode:
		return r.object(dst, depth+1)
	}
	r.refused = true
	return dst
}

func (r *Decoder) array(dst []byte, depth int) []byte {
	dst = append(dst, '[')
	for i, n := 0, r.size(); i < n && !r.tooDeep(depth); i++ {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = r.value(dst, depth)
	}
	return append(dst, ']')
}

func (r *Decoder) object(dst []byte, depth int) []byte {
	dst = append(dst, '{')
	for i := 0; !r.tooDeep(depth); i++ {
		if r.in[0] == endCode {
			r.in = r.in[1:]
			break
		}
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(r.text(dst), ": "...)
		dst = r.value(dst, depth)
	}
	return append(dst, '}')
}

// tooDeep reports whether reading must end here.
func (r *Decoder) tooDeep(depth int) bool {
	r.refused = r.refused || depth > deepest || len(r.in) == 0
	return r.refused
}

func (r *Decoder) string(dst []byte, size int) []byte {
	out, err := wire.AppendString(dst, r.take(size))
	if err != nil { // surrogates, which Python allows
		r.refused = true
	}
	return out
}

func (r *Decoder) long(dst []byte) []byte {
	n := int(r.int32())
	negative := n < 0
	if negative {
		n = -n
	}
	if n > longest {
		r.refused = true
		return dst
	}
	v := uint64(0)
	for i, digits := 0, r.take(2*n); i < n; i++ {
		digit, shift := uint64(binary.LittleEndian.Uint16(digits[2*i:])), digitBits*i
		r.refused = r.refused || digit>>digitBits != 0 || digit<<shift>>shift != digit
		v |= digit << shift
	}
	if negative && v != 0 {
		dst = append(dst, '-')
	}
	return strconv.AppendUint(dst, v, 10)
}

func (r *Decoder) code() byte { return r.take(1)[0] }

func (r *Decoder) int32() int32 { return int32(binary.LittleEndian.Uint32(r.take(4))) }

func (r *Decoder) size() int {
	n := int(r.int32())
	r.refused = r.refused || n < 0
	return n
}

// nothing is what take returns where there are too few bytes.
var nothing [2 * longest]byte

// take reads n bytes; where there are fewer, it refuses, and returns ten zeros, which are
// enough for every caller but those that check refused.
func (r *Decoder) take(n int) []byte {
	if n < 0 || n > len(r.in) || r.refused {
		r.refused = true
		return nothing[:]
	}
	taken := r.in[:n]
	r.in = r.in[n:]
	return taken
}

// appendFloat appends the shortest text of the number, in the form of Python's repr.
func appendFloat(dst []byte, v float64) []byte {
	switch size := math.Abs(v); {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	case size >= 1e16 || size < 1e-4 && size != 0:
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	case v == 0 && math.Signbit(v):
		return append(dst, "-0.0"...)
	case v == math.Trunc(v):
		return append(strconv.AppendInt(dst, int64(v), 10), ".0"...)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}
