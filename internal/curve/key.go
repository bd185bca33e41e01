package curve

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// KeySize is the size of every key, in bytes, and keyText that of its text in Z85.
const (
	KeySize = 32
	keyText = 40
)

// Public is a public key. Its text is Z85.
type Public [KeySize]byte

// Secret is a secret key. It has no text, so that it gets into no log.
type Secret struct{ b [KeySize]byte }

// Pair is a secret key with its public one.
type Pair struct {
	Public Public
	secret Secret
	key    *ecdh.PrivateKey // the same, as the library computes with it
}

func (p Public) String() string { return encodeZ85(p[:]) }
func (Secret) String() string   { return "(secret)" }

// GoString keeps %#v from showing the key.
func (Secret) GoString() string { return "(secret)" }

// String is the public key: package fmt would not ask the secret one for its text, and show it.
func (p Pair) String() string { return p.Public.String() }

// GoString does for %#v what String does.
func (p Pair) GoString() string { return p.String() }

// Text is the secret key in Z85, for libraries that take it as a string. It cannot be wiped.
func (s Secret) Text() string { return encodeZ85(s.b[:]) }

// Secret is the secret key of the pair.
func (p *Pair) Secret() Secret { return p.secret }

// Copy is a pair of its own, to be wiped by the one that has asked for it; nil for nil.
func (p *Pair) Copy() *Pair {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// Wipe overwrites the secret key of a pair that is not used any more; nil is allowed. The copy that
// the library has is left to the garbage collector.
func (p *Pair) Wipe() {
	if p != nil {
		clear(p.secret.b[:])
		p.key = nil
	}
}

// Generate makes a new pair.
func Generate() (*Pair, error) {
	var s Secret
	defer clear(s.b[:])
	if _, err := rand.Read(s.b[:]); err != nil {
		return nil, err
	}
	return s.Pair()
}

// Pair adds the public key to a secret one.
func (s Secret) Pair() (*Pair, error) {
	key, err := ecdh.X25519().NewPrivateKey(s.b[:])
	if err != nil {
		return nil, err
	}
	return &Pair{Public: Public(key.PublicKey().Bytes()), secret: s, key: key}, nil
}

// point computes the point of the curve that a pair shares with the owner of a public key (X25519,
// RFC 7748). It fails for public keys of low order, with which every secret key gives the same.
func (p *Pair) point(other *Public) ([]byte, error) {
	key, err := ecdh.X25519().NewPublicKey(other[:])
	if err != nil {
		return nil, err
	}
	return p.key.ECDH(key)
}

// ParsePublic reads a public key in Z85.
func ParsePublic(text string) (p Public, err error) {
	err = decodeZ85(p[:], text)
	return p, err
}

// ParseSecret reads a secret key in Z85. The error does not contain it.
func ParseSecret(text string) (s Secret, err error) {
	err = decodeZ85(s.b[:], text)
	return s, err
}

// Z85 (RFC 32) writes four bytes as five characters, the most significant digit first.
const z85Digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

func encodeZ85(p []byte) string { return string(appendZ85(make([]byte, 0, len(p)/4*5), p)) }

func appendZ85(out, p []byte) []byte {
	for ; len(p) >= 4; p = p[4:] {
		n := uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
		for power := uint32(85 * 85 * 85 * 85); power > 0; power /= 85 {
			out = append(out, z85Digits[n/power%85])
		}
	}
	return out
}

var errKeyText = errors.New("a key is 40 characters of Z85")

// decodeZ85 reads the key of len(dst) bytes.
func decodeZ85(dst []byte, text string) error {
	if len(text) != keyText || len(dst) != KeySize {
		return fmt.Errorf("%w, and this is %d characters", errKeyText, len(text))
	}
	for i := range len(text) / 5 {
		n := uint64(0)
		for _, c := range []byte(text[5*i : 5*i+5]) {
			digit := strings.IndexByte(z85Digits, c)
			if digit < 0 {
				return errKeyText
			}
			n = n*85 + uint64(digit)
		}
		if n > 0xffffffff {
			return errKeyText
		}
		dst[4*i], dst[4*i+1], dst[4*i+2], dst[4*i+3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	}
	return nil
}
