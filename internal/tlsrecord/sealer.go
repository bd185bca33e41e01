package tlsrecord

import "encoding/binary"

// maxRecords is how many records one key encrypts: with AES-GCM 2^24.5 of full size are safe
// (RFC 8446, 5.5).
const maxRecords = 1 << 24

// Sealer encrypts what one end sends.
type Sealer struct{ keys }

// Seal makes a record of buf[at:], which is room for its header, HeaderSize bytes, and its content,
// MaxContent bytes at most. buf may grow.
func (s *Sealer) Seal(buf []byte, at int, kind Kind) []byte {
	body := at + HeaderSize
	buf = append(buf, byte(kind))
	header := buf[at:body]
	header[0], header[1], header[2] = byte(Data), 3, 3
	binary.BigEndian.PutUint16(header[3:], uint16(len(buf)-body+tagSize))
	sealed := s.aead.Seal(buf[body:body], s.next(), buf[body:], header)
	if cap(buf) < body+len(sealed) { // the AEAD has allocated
		return append(buf[:body], sealed...)
	}
	return buf[:body+len(sealed)]
}

// Append appends a record with this content to buf.
func (s *Sealer) Append(buf []byte, kind Kind, content ...byte) []byte {
	at := len(buf)
	buf = append(buf, make([]byte, HeaderSize)...)
	return s.Seal(append(buf, content...), at, kind)
}

// Due reports whether the keys have encrypted as much as they should, and an Update is due.
func (s *Sealer) Due() bool { return s.number >= maxRecords }
