package tlsrecord

import "encoding/binary"

// Opener decrypts what one end receives.
type Opener struct{ keys }

// First is the record that p begins with; nil if it is not complete. An error is a tls.AlertError: no
// record of a peer that has finished its handshake begins so.
func First(p []byte) (record []byte, err error) {
	if len(p) > 0 && p[0] != byte(Data) {
		return nil, unexpectedMessage
	}
	if len(p) < HeaderSize {
		return nil, nil
	}
	size := int(binary.BigEndian.Uint16(p[3:]))
	switch {
	case size > maxBody:
		return nil, recordOverflow
	case len(p) < HeaderSize+size:
		return nil, nil
	}
	return p[:HeaderSize+size], nil
}

// Room is how many bytes Open writes, at most.
func Room(record []byte) int { return max(0, len(record)-HeaderSize-tagSize) }

// Open decrypts a record to dst[:Room(record)], which may begin where the body of the record does and
// otherwise must not overlap it. It returns the content, which is there. An error is a tls.AlertError; the
// content of dst does not count then.
func (o *Opener) Open(dst, record []byte) (kind Kind, content []byte, err error) {
	body := record[HeaderSize:]
	if len(body) < 1+tagSize {
		return 0, nil, badRecord
	}
	content, err = o.aead.Open(dst[:0:Room(record)], o.next(), body, record[:HeaderSize])
	if err != nil {
		return 0, nil, badRecord
	}
	if len(content) > MaxContent+1 {
		return 0, nil, recordOverflow
	}
	end := len(content) - 1
	for end >= 0 && content[end] == 0 {
		end--
	}
	if end < 0 {
		return 0, nil, unexpectedMessage
	}
	return Kind(content[end]), content[:end], nil
}

// Body is where the body of a record begins, for Open.
func Body(record []byte) []byte { return record[HeaderSize:] }
