package zmtp

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

// tlsEnds are both ends of a finished handshake, detached from any socket.
func tlsEnds(t testing.TB) (client, server *tlsLayer) {
	t.Helper()
	a := testkit.NewAuthority(t)
	cfg, err := tlsconfig.New(mutual(a, "end"), nil)
	require.NoError(t, err)
	near, far := net.Pipe()
	client, server = newTLSLayer(near, 1<<16), newTLSLayer(far, 1<<16)
	done := make(chan error, 1)
	go func() { done <- server.shakeHands(true, cfg.Server()) }()
	require.NoError(t, client.shakeHands(false, cfg.Client("localhost")))
	require.NoError(t, <-done)
	return client, server
}

// agreedEnds are tlsEnds without a handshake: what it would have agreed on is the same each time, and so is what
// is encrypted.
func agreedEnds(t testing.TB) (client, server *tlsLayer) {
	t.Helper()
	ends := [2]*tlsLayer{{}, {ofServer: true}}
	for _, end := range ends {
		var secrets tlsrecord.Secrets
		for _, who := range []string{"CLIENT", "SERVER"} {
			_, err := fmt.Fprintf(&secrets, "%s_TRAFFIC_SECRET_0 00 %x\n", who, sha256.Sum256([]byte(who)))
			require.NoError(t, err)
		}
		var err error
		end.in, end.out, err = secrets.Take(tls.TLS_AES_128_GCM_SHA256, end.ofServer)
		require.NoError(t, err)
	}
	return ends[0], ends[1]
}

// encryptAll encrypts framed messages and commands.
func encryptAll(t testing.TB, layer *tlsLayer, plain []byte) (sealed []byte) {
	t.Helper()
	for len(plain) > 0 {
		arena, n, err := layer.output().encrypt([][]byte{plain})
		require.NoError(t, err)
		sealed = append(sealed, arena.Buf...)
		arena.Release()
		plain = plain[n:]
	}
	return sealed
}

func newTLSReader(layer *tlsLayer, sink byteSink) *tlsReader {
	return &tlsReader{next: sink, layer: layer, c: &conn{tls: layer}}
}

func TestRecordsArriveInAnyPieces(t *testing.T) {
	for _, piece := range []int{1, 7, 1000, 1 << 20} {
		client, server := tlsEnds(t)
		sink := &plainSink{}
		r := newTLSReader(server, sink)
		sealed := encryptAll(t, client, mixed())
		for len(sealed) > 0 {
			n := min(piece, len(sealed))
			require.NoError(t, preload(r, sealed[:n]))
			sealed = sealed[n:]
			r.idle()
		}
		require.True(t, bytes.Equal(mixed(), sink.got), "in pieces of %d bytes", piece)
		require.Less(t, cap(r.buf), batch.TargetBytes, "an idle connection keeps no arena")
	}
}

// The biggest record of a peer that stops in the middle of it keeps no arena either.
func TestAPeerThatStopsInTheMiddleOfARecordKeepsNoArena(t *testing.T) {
	client, server := tlsEnds(t)
	content := bytes.Repeat([]byte{'x'}, tlsrecord.MaxContent)
	record := client.out.Append(nil, tlsrecord.Data, content...)
	sink := &plainSink{}
	r := newTLSReader(server, sink)
	require.NoError(t, preload(r, record[:len(record)-1]))
	r.idle()
	require.Less(t, cap(r.buf), batch.TargetBytes/2)
	require.NoError(t, preload(r, record[len(record)-1:]))
	require.True(t, bytes.Equal(content, sink.got))
}

func TestTamperedRecordsDeliverNothingBehindTheChange(t *testing.T) {
	first, second := message("first").Buf, message("second").Buf
	for name, change := range map[string]func(one, two []byte) []byte{
		"reordered": func(one, two []byte) []byte { return append(two, one...) },
		"replayed":  func(one, _ []byte) []byte { return append(bytes.Clone(one), one...) },
		"deleted":   func(_, two []byte) []byte { return two },
		"plain":     func(one, _ []byte) []byte { return append(one, second...) },
		"shorter":   func(one, two []byte) []byte { two[4]--; return append(one, two...) },
		"flipped":   func(one, two []byte) []byte { two[len(two)-1] ^= 1; return append(one, two...) },
		"type":      func(one, two []byte) []byte { two[0] = recordHandshake; return append(one, two...) },
	} {
		client, server := tlsEnds(t)
		sink := &plainSink{}
		sent := change(encryptAll(t, client, first), encryptAll(t, client, second))
		require.Error(t, preload(newTLSReader(server, sink), sent), name)
		require.True(t, len(sink.got) == 0 || bytes.Equal(first, sink.got), name)
	}
}

func TestTheEndOfAStreamIsNoticed(t *testing.T) {
	client, server := tlsEnds(t)
	sink := &plainSink{}
	client.output().end()
	arena, _, err := client.output().encrypt(nil)
	require.NoError(t, err)
	require.ErrorIs(t, preload(newTLSReader(server, sink), arena.Buf), io.EOF)
	require.True(t, server.ended)
}

// A relay that changes, or cuts, what passes.
func TestConnectionsWithTLSThatAreTamperedWithEnd(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p []byte) (cut bool)
		says   string
	}{
		"flipped": {func(p []byte) bool { p[len(p)-1] ^= 1; return false }, "was changed on its way"},
		"cut":     {func([]byte) bool { return true }, errTruncated.Text},
	} {
		t.Run(name, func(t *testing.T) {
			a := testkit.NewAuthority(t)
			o := newTLSOutlet(t, a)
			var tamper atomic.Bool
			l := relayWith(t, o.address()[len("tls://"):], func(p []byte) bool { return tamper.Load() && c.change(p) })
			i := newInlet(t, carrier.SUB, []string{""}, dial("tls://"+l), withTLS(t, mutual(a, "client")))
			o.eventLog.wait(t, carrier.Subscribed, 1)
			o.Send(message("before"))
			i.sink.wait(t, 1)
			tamper.Store(true)
			o.Send(message("changed"))
			require.Contains(t, i.eventLog.wait(t, carrier.Disconnected, 1).Reason, c.says)
			require.Equal(t, [][]string{{"before"}}, i.got())
		})
	}
}

// relayWith relays connections to an address; change sees, and may change or cut, what comes back.
// Where it cuts, half of it is passed on, and the end of the stream.
func relayWith(t *testing.T, to string, change func([]byte) (cut bool)) (at string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			go relayBytes(far, near, func([]byte) {})
			go func() {
				defer near.Close()
				p := make([]byte, 1<<16)
				for {
					n, err := far.Read(p)
					if err != nil {
						return
					}
					cut := change(p[:n])
					if cut {
						n /= 2
					}
					if _, err := near.Write(p[:n]); err != nil || cut {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// openTLS is an outlet, bound, that demands no certificate.
func openTLS(t *testing.T) testOutlet {
	t.Helper()
	a := testkit.NewAuthority(t)
	a.Issue("server")
	return newOutlet(t, carrier.Drop, 0, bind("tls://127.0.0.1:*"), withTLS(t, certified(a, "server")))
}

func TestKeyUpdatesAreAnsweredWhileNothingElseIsSent(t *testing.T) {
	o := openTLS(t)
	f := forgeTLS(t, o.address())
	f.shakeHands("SUB")
	o.eventLog.wait(t, carrier.Connected, 1)
	require.NoError(t, f.write(f.update(), f.record(recordData, appendSubscription(nil, 1, true, nil))))
	o.eventLog.wait(t, carrier.Subscribed, 1)
	c := (*o.peers.Load())[0]
	testkit.Eventually(t, func() bool { return c.out.idle() }, "the answer has been written")
	for range 3 {
		require.NoError(t, f.write(f.update()))
		o.Send(message("behind it"))
		_, body := (&rawPeer{f.Conn, t}).receiveFrame() // reads the answers as well
		require.Equal(t, "behind it", string(body))
	}
}

// One answer stands for all demands that it has not been given for: a peer that demands new keys
// without end, and reads nothing for a while, costs no memory, and gets everything once it reads.
func TestDemandsForKeysAreAnsweredTogether(t *testing.T) {
	o := openTLS(t)
	f := forgeTLS(t, o.address())
	f.shakeHands("SUB")
	require.NoError(t, f.write(f.record(recordData, appendSubscription(nil, 1, true, nil))))
	o.eventLog.wait(t, carrier.Subscribed, 1)
	const demands = 10_000
	for range demands {
		require.NoError(t, f.write(f.update(), f.record(recordData, appendPing(nil))))
	}
	o.Send(message("behind them"))
	for peer, body := (&rawPeer{f.Conn, t}), []byte(nil); string(body) != "behind them"; {
		_, body = peer.receiveFrame()
	}
}

// Another implementation, or a proxy, may put what ends its handshake into one record with what comes then.
func TestAFullRecordMayEndTheHandshake(t *testing.T) {
	o := openTLS(t)
	f := forgeTLS(t, o.address())
	whole := append(greeting(1), readyOf("SUB")...)
	for n := 0; len(whole) < 16_000; n++ {
		whole = appendSubscription(whole, 1, true, []byte{byte(n), byte(n >> 8)})
	}
	require.NoError(t, f.write(f.record(recordData, whole)))
	o.eventLog.wait(t, carrier.Subscribed, 100)
}

func TestRecordsThatAdvanceNothingEndTheConnection(t *testing.T) {
	for name, next := range map[string]func(*tlsForger) []byte{
		"empty records": func(f *tlsForger) []byte { return f.record(recordData, nil) },
		"key updates":   (*tlsForger).update,
	} {
		t.Run(name, func(t *testing.T) {
			o := openTLS(t)
			f := forgeTLS(t, o.address())
			f.shakeHands("SUB")
			o.eventLog.wait(t, carrier.Connected, 1)
			for range 100 {
				if f.write(next(f)) != nil {
					break
				}
			}
			require.Contains(t, o.eventLog.wait(t, carrier.Disconnected, 1).Reason, "too many")
		})
	}
}

// Subscriptions go one way and messages the other, all the time, and a peer that reads slowly is
// waited for.
func TestBothDirectionsOfTLSAtOnceWithASlowPeer(t *testing.T) {
	o, i := tlsPair(t)
	i.sink.mu.Lock()
	i.sink.pause = 100 * time.Microsecond
	i.sink.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() {
		for n := range 200 {
			prefix := bytes.Repeat([]byte{'s', byte(n)}, 500)
			_ = i.Subscribe(prefix)
			_ = i.Unsubscribe(prefix)
		}
	})
	const n = 20_000
	both.Go(func() {
		for at := 0; at < n; at += 100 {
			o.Send(numbered("a", at, at+100))
		}
	})
	testkit.Wait(t, &both, "both directions")
	i.sink.wait(t, n)
	requireNumbered(t, i.got(), "a", n)
}

func TestClosingUnderLoadWithTLS(t *testing.T) {
	for name, shut := range map[string]func(testOutlet, testInlet){
		"outlet": func(o testOutlet, _ testInlet) { o.Close(0) },
		"inlet":  func(_ testOutlet, i testInlet) { i.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			o, i := tlsPair(t)
			var sending sync.WaitGroup
			var over atomic.Bool
			sending.Go(func() {
				for b := numbered("a", 0, 1000); !over.Load(); {
					o.Send(b)
				}
			})
			testkit.Eventually(t, func() bool { return i.len() > 5000 }, "load")
			shut(o, i)
			over.Store(true)
			o.Close(0)
			testkit.Wait(t, &sending, "the sender")
		})
	}
}

// FuzzTLSReader splits a stream at any places: the same messages arrive. The first byte says what
// is changed on its way, if anything: then only what is in front of it arrives.
func FuzzTLSReader(f *testing.F) {
	f.Add([]byte{0, 1, 22, 255}, uint32(0))
	f.Add([]byte{3}, uint32(70))
	client, _ := agreedEnds(f)
	plain := mixed()
	sent := encryptAll(f, client, plain)
	f.Fuzz(func(t *testing.T, pieces []byte, flip uint32) {
		_, server := agreedEnds(t)
		sealed := bytes.Clone(sent)
		if flip > 0 {
			at := int(flip) % (8 * len(sealed))
			sealed[at/8] ^= 1 << (at % 8)
		}
		sink := &plainSink{}
		r := newTLSReader(server, sink)
		var failed error
		for n := 0; len(sealed) > 0 && failed == nil; n++ {
			size := len(sealed)
			if len(pieces) > 0 {
				size = min(size, 1+137*int(pieces[n%len(pieces)]))
			}
			failed = preload(r, sealed[:size])
			sealed = sealed[size:]
		}
		switch {
		case flip == 0 && (failed != nil || !bytes.Equal(plain, sink.got)):
			t.Fatalf("%d of %d bytes arrived: %v", len(sink.got), len(plain), failed)
		case !bytes.HasPrefix(plain, sink.got):
			t.Fatal("what was not sent was delivered")
		}
	})
}
