// Package tlsrecord is the record layer of TLS 1.3 (RFC 8446, section 5) behind a handshake that
// crypto/tls has made. It encrypts and decrypts in buffers of the caller's, which crypto/tls does not:
// between its buffers and those of its caller every byte is copied twice in each direction.
//
//	Secrets  what crypto/tls tells of the keys, as Config.KeyLogWriter
//	Sealer   encrypts, for one direction
//	Opener   decrypts, for the other
//
// A record, in bytes:
//
//	offset  size  meaning
//	0       1     23, whatever the kind of the content
//	1       2     3, 3
//	3       2     n, the size of what follows, big-endian
//	5       n-17  content, encrypted
//	        1     kind of the content, encrypted; any number of zeros may follow it
//	        16    tag of the AEAD, which covers the 5 bytes in front as well
//
// The nonce is the number of the record in its direction, XORed with a constant part; it begins at 0
// behind the handshake and behind each KeyUpdate, which is the last message with the old keys.
//
// The package knows no sockets, and what alerts and messages mean is its user's business. A Sealer
// and an Opener each belong to one goroutine at a time.
package tlsrecord

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

// Kind is what the content of a record is.
type Kind uint8

// The kinds of content (RFC 8446, B.1).
const (
	Alert     Kind = 21
	Handshake Kind = 22
	Data      Kind = 23
)

// Sizes, in bytes.
const (
	HeaderSize = 5
	MaxContent = 16 << 10                 // of a record
	Overhead   = HeaderSize + 1 + tagSize // of a record without padding
	maxBody    = MaxContent + 256         // what a record may have behind its header
	MaxSize    = HeaderSize + maxBody     // of a record
	tagSize    = 16                       // of all AEADs of TLS 1.3
	nonceSize  = 12                       // likewise
)

// Alerts that this package fails with (RFC 8446, 6.2).
const (
	unexpectedMessage = tls.AlertError(10)
	badRecord         = tls.AlertError(20)
	recordOverflow    = tls.AlertError(22)
)

// keys are those of one direction.
type keys struct {
	hash   func() hash.Hash
	cipher func(key []byte) (cipher.AEAD, error)
	size   int // of a key, in bytes

	secret []byte // from which the next ones come
	aead   cipher.AEAD
	iv     [nonceSize]byte
	nonce  [nonceSize]byte // of the record at work
	number uint64          // of the next record
}

func newKeys(suite uint16, secret []byte) (k keys, err error) {
	switch suite {
	case tls.TLS_AES_128_GCM_SHA256:
		k = keys{hash: sha256.New, cipher: aesGCM, size: 16}
	case tls.TLS_AES_256_GCM_SHA384:
		k = keys{hash: sha512.New384, cipher: aesGCM, size: 32}
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		k = keys{hash: sha256.New, cipher: chacha20poly1305.New, size: chacha20poly1305.KeySize}
	default:
		return k, fmt.Errorf("tls: cipher suite %#04x is not one of TLS 1.3 that is known here", suite)
	}
	if len(secret) != k.hash().Size() {
		return k, errors.New("tls: no traffic secret of this cipher suite")
	}
	k.secret = secret
	if err := k.derive(); err != nil {
		return k, fmt.Errorf("tls: records cannot be encrypted (with GODEBUG=fips140=only they never can): %w", err)
	}
	return k, nil
}

func aesGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// derive makes the keys of secret (RFC 8446, 7.3).
func (k *keys) derive() error {
	key, err := k.expand("key", k.size)
	if err != nil {
		return err
	}
	defer clear(key)
	iv, err := k.expand("iv", nonceSize)
	if err != nil {
		return err
	}
	copy(k.iv[:], iv)
	clear(iv)
	k.number = 0
	k.aead, err = k.cipher(key)
	return err
}

// expand is HKDF-Expand-Label without a context (RFC 8446, 7.1).
func (k *keys) expand(label string, size int) ([]byte, error) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len(label)))
	info = append(append(info, label...), 0)
	return hkdf.Expand(k.hash, k.secret, string(info), size)
}

// Update goes on to the next keys (RFC 8446, 7.2). The old ones are gone.
func (k *keys) Update() error {
	next, err := k.expand("traffic upd", len(k.secret))
	if err != nil {
		return err
	}
	clear(k.secret)
	k.secret = next
	return k.derive()
}

// Wipe overwrites the secret from which further keys would come: there is no Update any more. The key
// itself is inside the AEAD, where it cannot be overwritten; it is garbage when its owner is.
func (k *keys) Wipe() { clear(k.secret) }

// next is the nonce of the next record. It is valid until the next call.
func (k *keys) next() []byte {
	last := binary.BigEndian.Uint64(k.iv[nonceSize-8:])
	copy(k.nonce[:], k.iv[:nonceSize-8])
	binary.BigEndian.PutUint64(k.nonce[nonceSize-8:], last^k.number)
	k.number++
	return k.nonce[:]
}
