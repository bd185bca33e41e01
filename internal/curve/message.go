//lint:file-ignore SA1019 CurveZMQ is made of these parts of NaCl; what replaces them is another protocol

package curve

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/poly1305"
	"golang.org/x/crypto/salsa20/salsa"
)

// After the handshake every frame, a command or a part of a message, travels as one MESSAGE.
// As libzmq does it, and unlike RFC 26, it is framed as a message and not as a command:
//
//	offset   size    meaning
//	0        1       flags of the frame: 0, or 2 (long)
//	1        1 or 8  size of what follows
//	2 or 9   8       7, "MESSAGE"
//	10 or 17 8       nonce, which counts the commands with one of a direction
//	18 or 25 16      tag
//	34 or 41 1+n     encrypted: flags of the inner frame (1 more, 2 command), and its body
//
// All nonces of a direction begin with the same 16 bytes, so that HSalsa20, with which XSalsa20
// begins, is computed once a connection.
const (
	messageOfClient = "CurveZMQMESSAGEC"
	messageOfServer = "CurveZMQMESSAGES"

	messageName = "\x07MESSAGE"
	messageHead = len(messageName) + shortSize + tagSize // in front of what is encrypted

	flagMore    = 1
	flagLong    = 2
	flagCommand = 4 // of a ZMTP frame

	innerMore    = 1
	innerCommand = 2

	shortHeader = 2
	longHeader  = 9
)

// Overhead is by how much a frame grows at most when it is sealed, and Least by how much it
// does so at least.
const (
	Overhead = longHeader - shortHeader + messageHead + 1
	Least    = messageHead + 1
)

// direction is one direction of a connection.
type direction struct {
	key    [32]byte // of Salsa20
	number uint64   // Sealer: the next nonce; Opener: that of the last
	wiped  bool

	// Of the present MESSAGE; here because they would be allocated elsewhere.
	counter [16]byte // of Salsa20: the short nonce, and the number of the block
	first   [64]byte // the first block of the keystream, which begins with the key of the tag
	tag     [tagSize]byte
}

func newDirection(prefix string, session *sharedKey, number uint64) (d direction) {
	salsa.HSalsa20(&d.key, (*[16]byte)([]byte(prefix)), session, &salsa.Sigma)
	d.number = number
	return d
}

// Sealer encrypts one direction of a connection. One goroutine uses it at a time.
type Sealer struct{ direction }

// Opener decrypts one direction of a connection. One goroutine uses it at a time.
type Opener struct{ direction }

func newSealer(prefix string, session *sharedKey, next uint64) Sealer {
	return Sealer{newDirection(prefix, session, next)}
}

func newOpener(prefix string, session *sharedKey, last uint64) Opener {
	return Opener{newDirection(prefix, session, last)}
}

// Wipe overwrites the keys of a direction that is not used any more.
func (d *direction) Wipe() {
	d.wiped = true
	clear(d.key[:])
	clear(d.first[:])
}

// Append appends the MESSAGE of one frame: of its flags, as ZMTP has them, and its body. dst has
// room for it, or grows.
func (s *Sealer) Append(dst []byte, flags byte, body []byte) []byte {
	size := messageHead + 1 + len(body)
	if size <= 0xff {
		dst = append(dst, 0, byte(size))
	} else {
		dst = append(dst, flagLong)
		dst = binary.BigEndian.AppendUint64(dst, uint64(size))
	}
	at := len(dst)
	dst = append(dst, messageName...)
	dst = binary.BigEndian.AppendUint64(dst, s.number)
	dst = append(dst, make([]byte, tagSize)...)
	dst = append(dst, flags&flagMore|flags&flagCommand>>1)
	dst = append(dst, body...)
	s.seal(dst[at:])
	return dst
}

// seal encrypts a MESSAGE in place, and adds its tag. The keystream begins with the key of the
// tag; so the 32 bytes in front of the plaintext, of which name, nonce and tag are written again,
// are encrypted with it.
func (s *Sealer) seal(message []byte) {
	if s.wiped {
		panic("curve: a frame to be encrypted with a key that was wiped")
	}
	s.counter = [16]byte{}
	binary.BigEndian.PutUint64(s.counter[:], s.number)
	s.number++
	whole := message[messageHead-32:]
	clear(whole[:32])
	salsa.XORKeyStream(whole, whole, &s.counter, &s.key)
	key := (*[32]byte)(s.first[:])
	copy(key[:], whole)
	copy(message, messageName)
	copy(message[len(messageName):], s.counter[:shortSize])
	poly1305.Sum((*[tagSize]byte)(message[messageHead-tagSize:]), message[messageHead:], key)
}

// The errors of Open. The connection has to end.
var (
	errNotMessage = errors.New("CURVE: the peer sent a frame that is not encrypted")
	errOrder      = errors.New("CURVE: a MESSAGE is missing, was replayed, or came out of order")
	errWiped      = errors.New("CURVE: a MESSAGE after the end of the connection")
	errForged     = errors.New("CURVE: a MESSAGE was changed on its way, or is not the peer's")
)

// Open checks and decrypts a MESSAGE, the body of a frame, in place. It returns the flags of
// the inner frame, as ZMTP has them but for "long", and its body. The nonces count by one: with
// gaps in them, frames could be deleted on their way, and parts of two messages become one.
func (o *Opener) Open(message []byte) (flags byte, body []byte, err error) {
	if o.wiped {
		return 0, nil, errWiped
	}
	if len(message) < messageHead+1 || string(message[:len(messageName)]) != messageName {
		return 0, nil, errNotMessage
	}
	o.counter, o.first = [16]byte{}, [64]byte{}
	copy(o.counter[:], message[len(messageName):len(messageName)+shortSize])
	number := binary.BigEndian.Uint64(o.counter[:])
	if number != o.number+1 {
		return 0, nil, errOrder
	}
	box := message[messageHead:]
	short := min(len(box), 32)
	salsa.XORKeyStream(o.first[:], o.first[:], &o.counter, &o.key)
	poly1305.Sum(&o.tag, box, (*[32]byte)(o.first[:]))
	if subtle.ConstantTimeCompare(o.tag[:], message[messageHead-tagSize:messageHead]) != 1 {
		return 0, nil, errForged
	}
	o.number = number
	subtle.XORBytes(box[:short], box[:short], o.first[32:])
	if len(box) > 32 {
		o.counter[8] = 1
		salsa.XORKeyStream(box[32:], box[32:], &o.counter, &o.key)
	}
	inner := box[0]
	return inner&innerMore | inner&innerCommand<<1, box[1:], nil
}
