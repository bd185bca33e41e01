//go:build linux && !posix && !portable

package zmtp

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// leasePair is an outlet and an inlet whose reading can be leased, connected.
func leasePair(t *testing.T) (testOutlet, testInlet) {
	t.Helper()
	o := newOutlet(t, carrier.Wait, 100_000, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
	i.eventLog.wait(t, carrier.Connected, 1)
	o.eventLog.wait(t, carrier.Subscribed, 1)
	return o, i
}

// readable waits until there is something to read.
func readable(t *testing.T, fd int) {
	t.Helper()
	require.True(t, testkit.Readable(t, fd, testkit.Soon), "something to read")
}

func TestTheHolderOfALeaseReads(t *testing.T) {
	o, i := leasePair(t)
	fd, ok := i.LeaseReader()
	require.True(t, ok)
	require.False(t, i.ReadLeased(), "nothing has been sent yet")
	for round := range 3 {
		o.Send(numbered("a", round, round+1))
		readable(t, fd)
		time.Sleep(20 * time.Millisecond) // in which a goroutine could read it
		require.Equal(t, round, i.len())
		require.True(t, i.ReadLeased())
		require.Equal(t, round+1, i.len())
	}
	requireNumbered(t, i.got(), "a", 3)
}

func TestTheGoroutineReadsAfterALease(t *testing.T) {
	o, i := leasePair(t)
	for round := range 20 {
		fd, ok := i.LeaseReader()
		require.True(t, ok)
		o.Send(numbered("a", 2*round, 2*round+1))
		readable(t, fd)
		i.EndLease()
		i.sink.wait(t, 2*round+1)
		o.Send(numbered("a", 2*round+1, 2*round+2))
		i.sink.wait(t, 2*round+2)
	}
	i.EndLease()
	require.False(t, i.ReadLeased(), "there is no lease")
	requireNumbered(t, i.got(), "a", 40)
}

// All arrives once and in order, however leases begin and end meanwhile.
func TestLeasesComeAndGo(t *testing.T) {
	o, i := leasePair(t)
	const n = 50_000
	var sending sync.WaitGroup
	sending.Go(func() {
		for at := 0; at < n; at += 50 {
			o.Send(numbered("a", at, at+50))
		}
	})
	round := 0
	testkit.Repeat(t, "all arrives", func() bool {
		if _, ok := i.LeaseReader(); ok && round%3 > 0 {
			for range round % 7 {
				i.ReadLeased()
			}
		}
		if round%2 == 0 {
			i.EndLease()
		}
		round++
		return i.len() >= n
	})
	testkit.Wait(t, &sending, "the sender")
	i.sink.wait(t, n)
	requireNumbered(t, i.got(), "a", n)
}

func TestALeaseIsRefused(t *testing.T) {
	alone := newInlet(t, carrier.SUB, []string{""}, bind("tcp://127.0.0.1:*"))
	_, ok := alone.LeaseReader()
	require.False(t, ok, "no peer")
	for n := 1; n <= 2; n++ {
		newOutlet(t, carrier.Wait, 10, dial(alone.address()))
		alone.eventLog.wait(t, carrier.Connected, n)
	}
	_, ok = alone.LeaseReader()
	require.False(t, ok, "two peers")

	o := newOutlet(t, carrier.Wait, 10, bind("tcp://127.0.0.1:*"))
	raw := newInlet(t, carrier.XSUB, []string{""}, dial(o.address()))
	raw.eventLog.wait(t, carrier.Connected, 1)
	_, ok = raw.LeaseReader()
	require.False(t, ok, "one that was not opened for a lease")
}

func TestAPeerThatLeavesEndsTheLease(t *testing.T) {
	for name, fetch := range map[string]bool{"noticed by the holder": true, "or by the goroutine": false} {
		t.Run(name, func(t *testing.T) {
			o, i := leasePair(t)
			fd, ok := i.LeaseReader()
			require.True(t, ok)
			o.Close(time.Second)
			readable(t, fd)
			if fetch {
				i.ReadLeased()
			} else {
				i.EndLease()
			}
			i.eventLog.wait(t, carrier.Disconnected, 1)
			require.False(t, i.ReadLeased())
			_, ok = i.LeaseReader()
			require.False(t, ok)
			i.EndLease()
		})
	}
}

func TestClosingWithALease(t *testing.T) {
	_, i := leasePair(t)
	_, ok := i.LeaseReader()
	require.True(t, ok)
	i.Close()
	require.False(t, i.ReadLeased())
	i.EndLease()
}

// A peer that is disconnected is not read any more, however much it sends.
func TestClosingEndsReadingFromAPeerThatNeverPauses(t *testing.T) {
	i := &testInlet{eventLog: &eventLog{}}
	cfg := carrier.InletConfig{
		Config:      config(carrier.SUB, []option{events(i.eventLog), bind("tcp://127.0.0.1:*")}),
		Deliver:     func(*batch.Batch) { time.Sleep(time.Millisecond) }, // there is always more to read
		ReaderLease: true,
	}
	in, err := Opener{}.OpenInlet(cfg)
	require.NoError(t, err)
	require.NoError(t, in.Subscribe(nil))
	peer := connectRaw(t, in.Endpoints()[0])
	peer.shakeHands("PUB", 0)
	i.eventLog.wait(t, carrier.Connected, 1)
	go func() {
		for say := bytes.Repeat([]byte{0, 1, 'x'}, 10_000); ; {
			if _, err := peer.Write(say); err != nil {
				return
			}
		}
	}()
	testkit.Eventually(t, func() bool { return in.Peers()[0].Received > 100_000 }, "a flood")
	closed := make(chan struct{})
	go func() { in.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(testkit.Soon / 2): // the peer stops by itself, later
		require.Fail(t, "the peer is still being read")
	}
}

// A connection that no goroutine would read after the lease is disconnected.
func TestALeaseThatCannotBeEndedEndsTheConnection(t *testing.T) {
	_, i := leasePair(t)
	_, ok := i.LeaseReader()
	require.True(t, ok)
	i.leased.Load().io.readable.fd = -1
	i.EndLease()
	require.Contains(t, i.eventLog.wait(t, carrier.Disconnected, 1).Reason, "bad file descriptor")
}

// heldConn is a connection that only the holder of a lease reads, what its peer writes to, and what
// it delivers.
func heldConn(t *testing.T) (d *decoder, peer net.Conn, got *[][]byte) {
	t.Helper()
	got = new([][]byte)
	d = newDecoder(collect(got), generous)
	near, peer := socketPair(t)
	var err error
	d.c.io, err = newRawio(near)
	require.NoError(t, err)
	require.NoError(t, d.c.io.leavePoller())
	t.Cleanup(func() { _ = d.c.io.Close() })
	return d, peer, got
}

// The goroutine of the connection ends some time after an error: the holder of the lease may read
// meanwhile, and more has arrived than any buffer takes. Nothing behind the error counts.
func TestAHolderReadsNothingBehindAnError(t *testing.T) {
	more := numbered("behind", 0, 30_000).Buf
	for name, protect := range map[string]func(*decoder) (to byteSink, sent []byte){
		"a command": func(d *decoder) (byteSink, []byte) {
			return d, append(appendCommand(nil, cmdPing, []byte{0}), more...)
		},
		"a frame": func(d *decoder) (byteSink, []byte) {
			return d, append([]byte{8, 0}, more...)
		},
		"a frame of CURVE": func(d *decoder) (byteSink, []byte) {
			client, server := sealedKeys(t)
			sealed := sealAll(&client.Out, more)
			sealed[20] ^= 1
			return &cipherReader{next: d, open: &server.In, limit: 1 << 20}, sealed
		},
		"a command inside CURVE": func(d *decoder) (byteSink, []byte) {
			client, server := sealedKeys(t)
			sealed := sealAll(&client.Out, append(appendCommand(nil, cmdPing, []byte{0}), more...))
			return &cipherReader{next: d, open: &server.In, limit: 1 << 20}, sealed
		},
		"a record of TLS": func(d *decoder) (byteSink, []byte) {
			client, server := tlsEnds(t)
			sealed := encryptAll(t, client, more)
			sealed[20] ^= 1
			d.c.tls = server
			return &tlsReader{next: d, layer: server, c: d.c}, sealed
		},
		"a command inside TLS": func(d *decoder) (byteSink, []byte) {
			client, server := tlsEnds(t)
			sealed := encryptAll(t, client, append(appendCommand(nil, cmdPing, []byte{0}), more...))
			d.c.tls = server
			return &tlsReader{next: d, layer: server, c: d.c}, sealed
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, peer, got := heldConn(t)
			to, sent := protect(d)
			require.Greater(t, len(sent), 4*batch.TargetBytes)
			d.c.reader.setSink(to)
			go func() { _, _ = peer.Write(sent) }()
			fd := d.c.io.leaseFD()
			testkit.Eventually(t, func() bool {
				readable(t, fd)
				more, err := d.c.reader.tryRead(d.c)
				if err != nil {
					require.False(t, more)
				}
				return err != nil
			}, "the error")
			for range 10 {
				readable(t, fd)
				more, err := d.c.reader.tryRead(d.c)
				require.NoError(t, err)
				require.False(t, more)
			}
			require.Empty(t, *got)
		})
	}
}

// The kernel reports the end of a stream again and again; it is told once.
func TestAHolderIsToldOfTheEndOnce(t *testing.T) {
	d, peer, _ := heldConn(t)
	d.c.reader.setSink(d)
	require.NoError(t, peer.Close())
	more, err := d.c.reader.tryRead(d.c)
	require.ErrorIs(t, err, io.EOF)
	require.False(t, more)
	_, err = d.c.reader.tryRead(d.c)
	require.NoError(t, err)
}

// What this end has given up, a holder does not read either, although the goroutine has not ended it yet.
func TestAHolderReadsNothingOfAConnectionThatIsOver(t *testing.T) {
	d, peer, got := heldConn(t)
	d.c.reader.setSink(d)
	d.c.abort(errClosing)
	_, err := peer.Write(message("late").Buf)
	require.NoError(t, err)
	readable(t, d.c.io.leaseFD())
	more, err := d.c.reader.tryRead(d.c)
	require.NoError(t, err)
	require.False(t, more)
	require.Empty(t, *got)
}

// A byte that was changed on its way ends the connection, and not the receiver: it connects again.
func TestAHolderOutlivesAConnectionThatIsTamperedWith(t *testing.T) {
	k, a := newCurveKeys(t), testkit.NewAuthority(t)
	for name, c := range map[string]struct {
		transport      string
		server, client option
	}{
		"CURVE": {"tcp://", k.asServer(t, curve.AnyClient), k.asClient()},
		"TLS":   {"tls://", withTLS(t, mutual(a, "server")), withTLS(t, mutual(a, "client"))},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutlet(t, carrier.Wait, 100_000, bind(c.transport+"127.0.0.1:*"), c.server)
			var tamper atomic.Bool
			at := relayWith(t, strings.TrimPrefix(o.address(), c.transport), func(p []byte) bool {
				if tamper.Swap(false) {
					p[len(p)-1] ^= 1
				}
				return false
			})
			i := newInlet(t, carrier.SUB, []string{""}, dial(c.transport+at), c.client)
			o.eventLog.wait(t, carrier.Subscribed, 1)
			testkit.Eventually(t, func() bool { _, ok := i.LeaseReader(); return ok }, "a lease")
			tamper.Store(true)
			for n := range 20 {
				o.Send(numbered("lost", 1000*n, 1000*n+1000))
			}
			testkit.Repeat(t, "the end", func() bool {
				for range 100 { // as Receiver.ReadRest
					i.ReadLeased()
				}
				return i.eventLog.find(carrier.Disconnected, 0) != nil
			})
			i.EndLease()
			require.Contains(t, i.eventLog.wait(t, carrier.Disconnected, 1).Reason, "changed on its way")
			i.eventLog.wait(t, carrier.Connected, 2)
			testkit.Eventually(t, func() bool {
				o.Send(message("again"))
				got := i.got()
				return len(got) > 0 && got[len(got)-1][0] == "again"
			}, "it receives again")
		})
	}
}
