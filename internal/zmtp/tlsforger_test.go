package zmtp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// tlsForger is a client of TLS that writes any records (RFC 8446, 5.2 and 7.3): crypto/tls sends
// no KeyUpdate and no empty record. What it reads it reads by crypto/tls.
type tlsForger struct {
	*tls.Conn
	raw    net.Conn
	t      testing.TB
	secret []byte
	number uint64 // of the next record
}

// recordData is the type of a record with data, and of every record that is encrypted.
const recordData = 0x17

// forgeTLS connects to an endpoint that asks for no certificate.
func forgeTLS(t testing.TB, endpoint string) *tlsForger {
	t.Helper()
	raw, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "tls://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = raw.Close() })
	require.NoError(t, raw.SetDeadline(time.Now().Add(testkit.Soon)))
	var log bytes.Buffer
	f := &tlsForger{raw: raw, t: t}
	f.Conn = tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &log})
	require.NoError(t, f.Handshake())
	require.Equal(t, tls.TLS_AES_128_GCM_SHA256, f.ConnectionState().CipherSuite)
	for line := range strings.Lines(log.String()) {
		if words := strings.Fields(line); words[0] == "CLIENT_TRAFFIC_SECRET_0" {
			f.secret, err = hex.DecodeString(words[2])
			require.NoError(t, err)
		}
	}
	require.NotEmpty(t, f.secret)
	return f
}

// expand is HKDF-Expand-Label without a context.
func (f *tlsForger) expand(label string, size int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(append(info, "tls13 "+label...), 0)
	key, err := hkdf.Expand(sha256.New, f.secret, string(info), size)
	require.NoError(f.t, err)
	return key
}

// record is the next record, of a type, with this content.
func (f *tlsForger) record(kind byte, content []byte) []byte {
	block, err := aes.NewCipher(f.expand("key", 16))
	require.NoError(f.t, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(f.t, err)
	nonce := f.expand("iv", 12)
	for i, b := range binary.BigEndian.AppendUint64(nil, f.number) {
		nonce[4+i] ^= b
	}
	f.number++
	inner := append(bytes.Clone(content), kind)
	header := []byte{recordData, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(header[3:], uint16(len(inner)+gcm.Overhead()))
	return gcm.Seal(bytes.Clone(header), nonce, inner, header)
}

// update is a KeyUpdate that demands an answer.
func (f *tlsForger) update() []byte {
	r := f.record(recordHandshake, []byte{messageUpdate, 0, 0, 1, updateRequested})
	f.secret, f.number = f.expand("traffic upd", sha256.Size), 0
	return r
}

// write sends records.
func (f *tlsForger) write(records ...[]byte) error {
	_, err := f.raw.Write(bytes.Join(records, nil))
	return err
}

// shakeHands runs the handshake of ZMTP of a socket of the given type.
func (f *tlsForger) shakeHands(kind string) {
	f.t.Helper()
	require.NoError(f.t, f.write(f.record(recordData, greeting(1)), f.record(recordData, readyOf(kind))))
	peer := &rawPeer{f.Conn, f.t}
	peer.receive(greetingSize)
	peer.receiveFrame()
}
