//lint:file-ignore SA1019 CurveZMQ is made of these parts of NaCl; what replaces them is another protocol

package curve

import (
	"crypto/rand"
	"encoding/binary"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/salsa20/salsa"
)

// What the commands of the handshake are made of. A box is a Poly1305 tag of 16 bytes, and
// the plaintext encrypted with XSalsa20 (crypto_box of NaCl). Its nonce of 24 bytes has a
// prefix that says which box it is:
//
//	prefix            rest      box
//	CurveZMQHELLO---  8 bytes   64 zeros, from C' to S
//	WELCOME-          16 bytes  S' and cookie, from S to C'
//	COOKIE--          16 bytes  C' and s', with the cookie key of the server
//	VOUCH---          16 bytes  C' and S, from C to S'
//	CurveZMQINITIATE  8 bytes   C, vouch and metadata, from C' to S'
//	CurveZMQREADY---  8 bytes   metadata, from S' to C'
//	CurveZMQMESSAGEC  8 bytes   a frame of the client
//	CurveZMQMESSAGES  8 bytes   a frame of the server
//
// The 8 bytes are a number that counts the commands of one end with such a nonce: from 1 at HELLO
// and READY. The 16 are random.
const (
	tagSize   = secretbox.Overhead
	nonceSize = 24
	shortSize = 8
	longSize  = 16
)

// sharedKey is what two ends compute from the secret key of one and the public key of the
// other.
type sharedKey = [KeySize]byte

// share computes a shared key. It fails for public keys of low order, with which every secret
// key gives the same.
func share(own *Pair, p *Public) (key sharedKey, err error) {
	point, err := own.point(p)
	if err != nil {
		return key, err
	}
	defer clear(point)
	var zeros [16]byte
	salsa.HSalsa20(&key, &zeros, (*[KeySize]byte)(point), &salsa.Sigma)
	return key, nil
}

type nonce = [nonceSize]byte

func shortNonce(prefix string, n uint64) (x nonce) {
	copy(x[:], prefix)
	binary.BigEndian.PutUint64(x[nonceSize-shortSize:], n)
	return x
}

func longNonce(prefix string, rest []byte) (x nonce) {
	copy(x[:], prefix)
	copy(x[nonceSize-longSize:], rest)
	return x
}

// randomNonce is a long nonce, and its random part.
func randomNonce(prefix string) (x nonce, err error) {
	copy(x[:], prefix)
	_, err = rand.Read(x[nonceSize-longSize:])
	return x, err
}

func seal(dst, plain []byte, n *nonce, key *sharedKey) []byte {
	return secretbox.Seal(dst, plain, n, key)
}

func open(box []byte, n *nonce, key *sharedKey) (plain []byte, ok bool) {
	return secretbox.Open(nil, box, n, key)
}
