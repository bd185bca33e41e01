package wire

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// SIMD within a register: the two loops in which validation spends its time look at eight
// bytes of a machine word at a time (H. S. Warren, "Hacker's Delight", 2nd edition, 6-1).
// In each mask the lowest set bit is exact; those above it may be wrong.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// zeroBytes marks the high bit of bytes that are zero.
func zeroBytes(v uint64) uint64 { return (v - ones) &^ v & highs }

// After longBegun plain bytes, with longRest bytes left, skipPlain uses plainPrefix, which
// looks at sixteen bytes at a time.
const (
	longBegun = 32
	longRest  = 64
)

// skipPlain returns the index of the first byte from i on that is not plain: one
// outside 0x20..0x7e, a quotation mark, or a backslash.
func skipPlain[T string | []byte](p T, i int) int {
	for long := i + longBegun; i+8 <= len(p); i += 8 {
		if i == long && len(p)-i >= longRest {
			i += plainPrefix(at(p, i), len(p)-i)
			if i+8 > len(p) {
				break
			}
		}
		v := load(p, i)
		stop := v&highs | (v-0x20*ones)&^v&highs | zeroBytes(v^'"'*ones) | zeroBytes(v^'\\'*ones) | zeroBytes(v^0x7f*ones)
		if stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for i < len(p) && plain[p[i]] {
		i++
	}
	return i
}

// at is the address of byte i of a text.
func at[T string | []byte](p T, i int) *byte {
	switch p := any(p).(type) {
	case string:
		return (*byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(p)), i))
	case []byte:
		return &p[i]
	}
	return nil
}

// skipDigits returns the index of the first byte from i on that is not a decimal digit.
func skipDigits(p []byte, i int) int {
	for ; i+8 <= len(p); i += 8 {
		v := binary.LittleEndian.Uint64(p[i:]) ^ '0'*ones  // digits become 0 to 9
		stop := (v&^uint64(highs) + 0x76*ones | v) & highs // 0x76 carries 10 and more into the high bit
		if stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for i < len(p) && p[i]-'0' <= 9 {
		i++
	}
	return i
}

// load reads eight bytes, which the compiler turns into one instruction.
func load[T string | []byte](p T, i int) uint64 {
	_ = p[i+7]
	return uint64(p[i]) | uint64(p[i+1])<<8 | uint64(p[i+2])<<16 | uint64(p[i+3])<<24 |
		uint64(p[i+4])<<32 | uint64(p[i+5])<<40 | uint64(p[i+6])<<48 | uint64(p[i+7])<<56
}
