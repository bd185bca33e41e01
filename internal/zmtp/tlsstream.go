package zmtp

import (
	"io"

	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

// tlsStream is the connection during the handshake of ZMTP.
type tlsStream struct {
	c     *conn
	layer *tlsLayer
}

// Read implements io.Reader.
func (s tlsStream) Read(p []byte) (int, error) {
	t := s.layer
	for len(t.plain) == 0 {
		record, err := t.records.record()
		if err == nil {
			t.plain, err = t.open(tlsrecord.Body(record), record)
		}
		if err != nil {
			err = t.fault(s.c, err)
			if t.failed.Load() != 0 {
				_ = s.CloseWrite()
			}
			return 0, err
		}
	}
	n := copy(p, t.plain)
	t.plain = t.plain[n:]
	return n, nil
}

// Write implements io.Writer.
func (s tlsStream) Write(p []byte) (n int, err error) {
	for n < len(p) {
		piece := p[n:min(len(p), n+tlsrecord.MaxContent)]
		sealed, err := s.layer.renew(nil)
		if err == nil {
			_, err = s.c.io.Conn.Write(s.layer.out.Append(sealed, tlsrecord.Data, piece...))
		}
		if err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

// CloseWrite tells the peer that nothing more comes.
func (s tlsStream) CloseWrite() error {
	s.layer.finish()
	_, err := s.c.io.Conn.Write(s.layer.farewell(nil))
	return err
}

var _ io.ReadWriter = tlsStream{}
