package zmtp

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

// stream is one direction of a connection in memory: what is written waits to be read. Where neither end
// would ever read more, because each waits for the other, both streams end.
type stream struct {
	*sync.Cond // of both directions; L guards all of them
	back       *stream

	waits  []byte
	sent   int  // bytes that have been written
	flip   int  // the number of the bit that is changed on its way, from 1 on; 0: none is
	whole  bool // reads wait for the end
	reader bool // waits
	ended  bool
}

func newStreams() (to, from *stream) {
	both := sync.NewCond(&sync.Mutex{})
	to, from = &stream{Cond: both}, &stream{Cond: both}
	to.back, from.back = from, to
	return to, from
}

func (s *stream) write(p []byte) (int, error) {
	s.L.Lock()
	defer s.L.Unlock()
	if s.ended {
		return 0, io.ErrClosedPipe
	}
	s.waits = append(s.waits, p...)
	if at := (s.flip - 1) / 8; s.flip > 0 && s.sent <= at && at < s.sent+len(p) {
		s.waits[len(s.waits)-len(p)+at-s.sent] ^= 1 << ((s.flip - 1) % 8)
	}
	s.sent += len(p)
	s.Broadcast()
	return len(p), nil
}

// starved reports whether there is nothing to read yet.
func (s *stream) starved() bool { return !s.ended && (len(s.waits) == 0 || s.whole) }

func (s *stream) read(p []byte) (int, error) {
	s.L.Lock()
	defer s.L.Unlock()
	for s.starved() {
		if s.back.reader && s.back.starved() {
			s.ended, s.back.ended = true, true
			s.Broadcast()
			break
		}
		s.reader = true
		s.Wait()
		s.reader = false
	}
	if len(s.waits) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.waits)
	s.waits = s.waits[n:]
	return n, nil
}

func (s *stream) end() {
	s.L.Lock()
	defer s.L.Unlock()
	s.ended = true
	s.Broadcast()
}

// gather has reads wait from now on until all has been written.
func (s *stream) gather() {
	s.L.Lock()
	defer s.L.Unlock()
	s.whole = true
}

// streamConn is one end of a connection of two streams.
type streamConn struct {
	net.Conn
	in, out *stream
	pieces  []byte // the sizes of reads, in turn; none: as much as there is
	reads   int
	answers bool // once it has written, it reads when the other end has written all
}

func (c *streamConn) Read(p []byte) (int, error) {
	if len(c.pieces) > 0 {
		p = p[:min(len(p), 1+int(c.pieces[c.reads%len(c.pieces)]))]
		c.reads++
	}
	return c.in.read(p)
}

func (c *streamConn) Write(p []byte) (int, error) {
	if c.answers {
		c.in.gather()
	}
	return c.out.write(p)
}

func (*streamConn) SetWriteDeadline(time.Time) error { return nil }

// accept runs the handshake of a server as a connection does, and reads data behind it.
func accept(nc net.Conn, cfg *tls.Config) (data []byte, err error) {
	layer := newTLSLayer(nc, 1<<16)
	if err := layer.records.awaitHello(); err != nil {
		return nil, err
	}
	if err := layer.shakeHands(true, cfg); err != nil {
		return nil, err
	}
	for {
		record, err := layer.records.record()
		if err != nil {
			return data, err
		}
		plain, err := layer.open(tlsrecord.Body(record), record)
		if err != nil {
			return data, err
		}
		data = append(data, plain...)
	}
}

// A client of crypto/tls sends data right behind its handshake, which arrives in any pieces, together with
// the end of the handshake: the server's crypto/tls takes no byte of it. Where a bit is changed on its
// way, only what is in front of it arrives.
func TestDataBehindAHandshakeIsNotLost(t *testing.T) {
	a := testkit.NewAuthority(t)
	a.Issue("server")
	cfg, err := tlsconfig.New(certified(a, "server"), nil)
	require.NoError(t, err)
	data := bytes.Repeat([]byte("more data "), 4000)
	run := func(pieces []byte, flip int) (sent int, got []byte, err error) {
		to, from := newStreams()
		to.flip = flip
		var client sync.WaitGroup
		client.Go(func() {
			defer to.end()
			c := tls.Client(&streamConn{in: from, out: to}, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
			if c.Handshake() == nil {
				_, _ = c.Write(data)
				_ = c.CloseWrite()
			}
		})
		got, err = accept(&streamConn{in: to, out: from, pieces: pieces, answers: true}, cfg.Server())
		from.end()
		client.Wait()
		return to.sent, got, err
	}
	most := 0
	for _, pieces := range [][]byte{nil, {0}, {4}, {0, 5, 255}, {255}} {
		sent, got, err := run(pieces, 0)
		require.Equal(t, io.EOF, err)
		require.True(t, bytes.Equal(data, got), "in pieces of %v", pieces)
		most = 8 * sent
	}
	for flip := 1; flip <= most; flip += 1009 {
		_, got, err := run([]byte{200}, flip)
		require.Error(t, err)
		require.True(t, bytes.HasPrefix(data, got), "bit %d", flip)
	}
}

// FuzzRecordConn reads a stream that comes in any pieces, as crypto/tls does for some records, with more room
// than they need, and then record by record: nothing is lost, and no record is read beyond its end.
func FuzzRecordConn(f *testing.F) {
	f.Add([]byte{22, 3, 1, 0, 1, 1, 23, 3, 3, 0, 2, 'x', 'y', 23, 3, 3, 0, 0}, []byte{0, 3}, uint8(1), true)
	f.Add(append([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0}, 23, 3, 3, 0, 1, 'x'), []byte{}, uint8(0), true)
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40}, []byte{1}, uint8(3), false)
	f.Fuzz(func(t *testing.T, sent, pieces []byte, handshake uint8, hello bool) {
		to, _ := newStreams()
		_, _ = to.write(sent)
		to.end()
		r := &recordConn{Conn: &streamConn{in: to, pieces: pieces}, budget: len(sent) + 1}
		if hello && r.awaitHello() == nil && (r.in[0] != recordHandshake || r.in[tlsrecord.HeaderSize] != messageHello) {
			t.Fatalf("%q is no ClientHello", r.in)
		}
		var got []byte
		for range handshake {
			record, err := readAsCryptoTLS(r)
			if errors.Is(err, errBeyond) {
				t.Fatal(err)
			}
			got = append(got, record...)
			if err != nil {
				break
			}
		}
		for r.rest == 0 {
			record, err := r.record()
			got = append(got, record...)
			if err != nil {
				break
			}
		}
		if !bytes.HasPrefix(sent, got) {
			t.Fatalf("%q was read of %q", got, sent)
		}
		if rest := sent[len(got):]; r.rest == 0 && !bytes.HasPrefix(rest, r.in) {
			t.Fatalf("%q is kept of %q", r.in, rest)
		}
	})
}

// readAsCryptoTLS reads one record: its header, and then what that announces, each time into more room. It fails
// where it gets more than that.
func readAsCryptoTLS(r *recordConn) (record []byte, err error) {
	for need := tlsrecord.HeaderSize; len(record) < need; {
		room := make([]byte, need-len(record)+bytes.MinRead)
		n, err := r.Read(room)
		record = append(record, room[:n]...)
		if err != nil {
			return record, err
		}
		if len(record) >= tlsrecord.HeaderSize {
			need = tlsrecord.HeaderSize + int(binary.BigEndian.Uint16(record[3:]))
		}
		if len(record) > need {
			return record, errBeyond
		}
	}
	return record, nil
}

var errBeyond = errors.New("more than a record was read")
