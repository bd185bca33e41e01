package zmtp

import (
	"bytes"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// plainSink collects what a cipherReader has decrypted.
type plainSink struct {
	buf [100]byte
	got []byte
}

func (s *plainSink) room() []byte { return s.buf[:] }
func (s *plainSink) idle()        {}
func (s *plainSink) consume(n int) error {
	s.got = append(s.got, s.buf[:n]...)
	return nil
}

// sealedKeys are both ends of a finished handshake.
func sealedKeys(t testing.TB) (client, server *curve.Keys) {
	t.Helper()
	pairs := newCurveKeys(t)
	set, err := curve.ParseClients(curve.AnyClient)
	require.NoError(t, err)
	s := curve.NewServer(pairs.server, set)
	c, x := curve.NewClient(pairs.client, pairs.server.Public, nil), s.Accept(nil)
	body, err := c.Hello()
	for side := range 4 {
		require.NoError(t, err)
		name, data, parseErr := parseCommand(body)
		require.NoError(t, parseErr)
		var step curve.Step
		if side%2 == 0 {
			step, err = x.Receive(name, data)
		} else {
			step, err = c.Receive(name, data)
		}
		body = step.Answer
	}
	require.NoError(t, err)
	return c.Keys(), x.Keys()
}

// sealAll encrypts framed messages and commands.
func sealAll(seal frameSealer, plain []byte) (sealed []byte) {
	for len(plain) > 0 {
		flags, head, size, _ := parseHeader(plain)
		whole := head + int(size)
		sealed = seal.Append(sealed, flags, plain[head:whole])
		plain = plain[whole:]
	}
	return sealed
}

// mixed is messages and commands of several sizes.
func mixed() (plain []byte) {
	for _, size := range []int{0, 1, 30, 31, 32, 200, 254, 255, 256, 1000, 70_000} {
		plain = append(plain, message("topic", string(bytes.Repeat([]byte{'x'}, size))).Buf...)
		plain = appendCommand(plain, cmdPing, make([]byte, size))
	}
	return plain
}

func TestEncryptedFramesArriveInAnyPieces(t *testing.T) {
	for _, piece := range []int{1, 7, 1000, 1 << 20} {
		client, server := sealedKeys(t)
		sink := &plainSink{}
		r := &cipherReader{next: sink, open: &server.In, limit: 100_000}
		sealed := sealAll(&client.Out, mixed())
		for len(sealed) > 0 {
			n := min(piece, len(sealed))
			require.NoError(t, preload(r, sealed[:n]))
			sealed = sealed[n:]
			r.idle()
		}
		require.True(t, bytes.Equal(mixed(), sink.got), "in pieces of %d bytes", piece)
		r.idle()
		require.Zero(t, cap(r.buf), "an idle connection keeps no buffer")
	}
}

func TestBuffersOfIdleConnectionsAreUsedAgain(t *testing.T) {
	b := batch.Get()
	defer b.Release()
	r := &cipherReader{next: &plainSink{}, limit: 1000}
	require.Len(t, r.room(), cap(b.Buf), "the usual size, which is recycled")
	r.idle()
	require.Zero(t, cap(r.buf))
}

func TestTamperedStreamsDeliverNothingBehindTheChange(t *testing.T) {
	first, second, third := message("first").Buf, message("second").Buf, message("third").Buf
	client, server := sealedKeys(t)
	seal := client.Out
	one, two, three := sealAll(&seal, first), sealAll(&seal, second), sealAll(&seal, third)
	for name, c := range map[string]struct {
		sent      []byte
		delivered []byte
	}{
		"reordered": {bytes.Join([][]byte{two, one}, nil), nil},
		"deleted":   {bytes.Join([][]byte{one, three}, nil), first},
		"replayed":  {bytes.Join([][]byte{one, one}, nil), first},
		"plain":     {bytes.Join([][]byte{one, second}, nil), first},
	} {
		open, sink := server.In, &plainSink{}
		r := &cipherReader{next: sink, open: &open, limit: 1000}
		require.Error(t, preload(r, bytes.Clone(c.sent)), name)
		require.Equal(t, c.delivered, sink.got, name)
	}
	for bit := 8; bit < 8*len(two); bit++ { // behind the outer flags, which mean nothing
		open, sink := server.In, &plainSink{}
		r := &cipherReader{next: sink, open: &open, limit: 1000}
		sent := bytes.Join([][]byte{one, two}, nil)
		sent[len(one)+bit/8] ^= 1 << (bit % 8)
		err := preload(r, sent)
		require.True(t, err != nil || r.full > 0, "bit %d: an error, or a size that announces more than has come", bit)
		require.Equal(t, first, sink.got, "bit %d", bit)
	}
}

// requireRoom requires that a reader has room for more, although it has failed with all of its buffer
// full of what it has not looked at.
func requireRoom(t *testing.T, r byteSink, sent []byte) {
	t.Helper()
	n := copy(r.room(), sent)
	require.Len(t, r.room(), n, "all of it is full")
	require.Error(t, r.consume(n))
	require.NotEmpty(t, r.room())
}

func TestReadersThatHaveFailedHaveRoom(t *testing.T) {
	messages := numbered("a", 0, 20_000).Buf
	for name, make := range map[string]func(next byteSink) (byteSink, []byte){
		"CURVE": func(next byteSink) (byteSink, []byte) {
			client, server := sealedKeys(t)
			return &cipherReader{next: next, open: &server.In, limit: 1 << 20}, sealAll(&client.Out, messages)
		},
		"TLS": func(next byteSink) (byteSink, []byte) {
			client, server := tlsEnds(t)
			return newTLSReader(server, next), encryptAll(t, client, messages)
		},
	} {
		t.Run(name+", what has come", func(t *testing.T) {
			r, sent := make(&plainSink{})
			sent[20] ^= 1
			requireRoom(t, r, sent)
		})
		t.Run(name+", what is inside", func(t *testing.T) {
			d := newDecoder(func(*batch.Batch) {}, messageLimits{frames: 1, bytes: 1})
			r, sent := make(d)
			requireRoom(t, r, sent)
		})
	}
}

func TestTamperedConnectionsEnd(t *testing.T) {
	k := newCurveKeys(t)
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), k.asServer(t, curve.AnyClient))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var tamper atomic.Bool
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(o.address(), "tcp://"))
			if err != nil {
				return
			}
			go relayBytes(far, near, func([]byte) {})
			go relayBytes(near, far, func(p []byte) {
				if tamper.Load() {
					p[len(p)-1] ^= 1
				}
			})
		}
	}()
	i := newInlet(t, carrier.SUB, []string{""}, dial("tcp://"+l.Addr().String()), k.asClient())
	o.eventLog.wait(t, carrier.Subscribed, 1)
	o.Send(message("before"))
	i.sink.wait(t, 1)
	tamper.Store(true)
	o.Send(message("changed"))
	require.Contains(t, i.eventLog.wait(t, carrier.Disconnected, 1).Reason, "changed on its way")
	require.Equal(t, [][]string{{"before"}}, i.got())
}

// relayBytes copies from b to a, after change has seen them.
func relayBytes(to, from net.Conn, change func([]byte)) {
	defer to.Close()
	p := make([]byte, 1<<16)
	for {
		n, err := from.Read(p)
		if err != nil {
			return
		}
		change(p[:n])
		if _, err := to.Write(p[:n]); err != nil {
			return
		}
	}
}

func TestEncryptedFramesAboveTheLimitAreRefusedBeforeTheyArrive(t *testing.T) {
	r := &cipherReader{next: &plainSink{}, limit: 1000}
	require.ErrorContains(t, preload(r, []byte{batch.FlagLong, 0, 0, 0, 0, 0, 1, 0, 0}), "above the limit of 1000")
}

func FuzzCipherReader(f *testing.F) {
	f.Add([]byte{0, 50}, uint8(3))
	f.Fuzz(func(t *testing.T, p []byte, piece uint8) {
		_, server := sealedKeys(t)
		sink := &plainSink{}
		r := &cipherReader{next: sink, open: &server.In, limit: 1000}
		for len(p) > 0 {
			n := min(1+int(piece), len(p))
			if preload(r, p[:n]) != nil {
				break
			}
			p = p[n:]
		}
		if len(sink.got) > 0 {
			t.Fatal("forged frames were delivered")
		}
	})
}
