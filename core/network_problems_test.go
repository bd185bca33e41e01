package core

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/connectivity"
	"github.com/hermes-zmq/hermes/internal/notify"
)

func TestAFailedConnectionIsExplained(t *testing.T) {
	http := listening(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
	hangsUp := listening(t, func(net.Conn) {})
	curve := listening(t, func(c net.Conn) {
		greeting := append([]byte{0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 1}, "CURVE"...)
		_, _ = c.Write(append(greeting, make([]byte, 64-len(greeting))...))
		_, _ = c.Read(make([]byte, 64))
	})
	for name, c := range map[string]struct {
		address string
		says    []string
	}{
		"refused":    {closedPort(t), []string{"connection refused", "check that the post office is running"}},
		"no name":    {"tcp://no-such-host.invalid:6001", []string{"no-such-host.invalid", "check the spelling of the host name"}},
		"no path":    {"ipc://" + filepath.Join(t.TempDir(), "office"), []string{"no such file", "its path is the same"}},
		"other kind": {http, []string{"does not speak ZMTP", "check the port"}},
		"hangs up":   {hangsUp, []string{"closed by the peer before it had sent a byte"}},
		"security":   {curve, []string{`demands the security mechanism "CURVE"`}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, "zmtp", c.address, quickly...)
			told(t, r, append(c.says, `receiver "rec": cannot connect to `+c.address+": ")...)
			require.Contains(t, get(t, r, "warning"), `receiver "rec": cannot connect to `+c.address+": "+r.Stats().Problem[len("cannot connect to "+c.address+": "):])
			_, err := r.Recv(10 * time.Millisecond)
			code(t, ETIMEOUT, err, append(c.says, `nothing arrived at receiver "rec": cannot connect to `)...)
			unready := ETIMEOUT
			if name == "security" {
				unready = EACCES
			}
			code(t, unready, r.WaitReady(10*time.Millisecond), c.says...)
			p := newPublisher(t, "zmtp", c.address, append(quickly, "queue.messages", "1", "queue.block", "1ms")...)
			told(t, p, c.says...)
			require.NoError(t, p.Publish("t", "", []byte("1")))
			code(t, EFULL, p.Publish("t", "", []byte("1")), c.says...)
			require.Contains(t, p.Stats().Problem, c.says[0])
			require.Contains(t, get(t, p, "problem"), c.says[0])
			code(t, ETIMEOUT, p.Stop(0), append(c.says, "1 envelopes not sent")...)
			require.Empty(t, p.Stats().Problem+get(t, p, "warning"))
		})
	}
}

func TestASilentAddressIsReportedBeforeItHasFailed(t *testing.T) {
	silent := listening(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1000)); time.Sleep(soon) })
	r := newReceiver(t, "zmtp", silent, "handshake.timeout", "1h")
	_, err := r.Recv(time.Millisecond)
	code(t, ETIMEOUT, err, "no answer from "+silent+" yet")
	require.Empty(t, get(t, r, "warning"), "for that it is too early")
	told(t, r, "no answer from "+silent)
}

func TestAPeerAtTheWrongSideIsToldTheRightOne(t *testing.T) {
	eachEngine(t, func(t *testing.T, office string) {
		po := newOffice(t, office)
		in, out := get(t, po, "endpoint.in"), get(t, po, "endpoint.out")
		r := newReceiver(t, "zmtp", in, quickly...)
		p := newPublisher(t, "zmtp", out, quickly...)
		toReceivers, toPublishers := out, in
		if office == "libzmq" { // which says of itself what it is, but not where its other side is
			toReceivers, toPublishers = "the outgoing address", "the incoming address"
		}
		told(t, r, in+" is the address for publishers; receivers connect to "+toReceivers)
		told(t, p, out+" is the address for receivers; publishers connect to "+toPublishers)
		code(t, ETIMEOUT, r.WaitReady(time.Millisecond), in+" is the address for publishers")
	})
}

func TestAPostOfficeNamesItselfAsItWasReached(t *testing.T) {
	po, err := NewPostOffice("tcp://*:*", "tcp://*:*", "")
	require.NoError(t, err)
	require.NoError(t, po.Start())
	defer func() { _ = po.Close() }()
	here := func(side string) string { return strings.Replace(get(t, po, side), "0.0.0.0", "127.0.0.1", 1) }
	r := newReceiver(t, "zmtp", here("endpoint.in"), quickly...)
	told(t, r, "receivers connect to "+here("endpoint.out"))
	e := eventOf(t, po, "handshake_failed")
	require.Equal(t, notify.Warning, e.Level)
	require.Contains(t, e.Text, "it is a receiver, and this is the address for publishers")
}

func TestThePostOfficeWarnsForEachOfItsSides(t *testing.T) {
	po := newOffice(t, "zmtp")
	newReceiver(t, "zmtp", get(t, po, "endpoint.in"), quickly...)
	e := eventOf(t, po, "handshake_failed")
	require.Equal(t, notify.Warning, e.Level)
	require.Contains(t, e.Text, "it is a receiver")

	newPublisher(t, "zmtp", get(t, po, "endpoint.out"), quickly...)
	for !strings.Contains(e.Text, "it is a publisher") {
		e = eventOf(t, po, "handshake_failed")
	}
	require.Equal(t, notify.Warning, e.Level)
}

func TestAWarningComesOnceAMinute(t *testing.T) {
	r := newReceiver(t, "zmtp", closedPort(t), quickly...)
	warned := 0
	for tries := 0; tries < 500; { // some two seconds
		e, err := r.NextEvent(soon)
		require.NoError(t, err)
		switch e.Kind {
		case "retrying":
			require.Equal(t, notify.Info, e.Level)
			tries++
		case "unreachable":
			warned++
		}
	}
	require.Equal(t, 1, warned)
}

func TestAPostOfficeThatStartsAMomentLaterIsNoReasonForAWarning(t *testing.T) {
	for range 5 {
		address := closedPort(t)
		r := newReceiver(t, "zmtp", address, quickly...)
		require.Contains(t, eventOf(t, r, "retrying").Text, "connection refused")
		began := time.Now()
		po, err := NewPostOffice("tcp://127.0.0.1:*", address, "")
		require.NoError(t, err)
		require.NoError(t, po.Start())
		require.NoError(t, r.WaitReady(soon))
		inTime := time.Since(began) < connectivity.OutageGrace/2
		_ = po.Close()
		_ = r.Close()
		if !inTime {
			continue // the machine is too slow to tell
		}
		for {
			e, err := r.NextEvent(0)
			if err != nil {
				return
			}
			require.NotEqual(t, "unreachable", e.Kind, e.Text)
		}
	}
}

// TestRefusalsAreToldOnceAMinute: what is refused tries again, and nothing new is to be told.
func TestRefusalsAreToldOnceAMinute(t *testing.T) {
	eachEngine(t, func(t *testing.T, office string) {
		po := newOffice(t, office)
		r := newReceiver(t, "zmtp", get(t, po, "endpoint.in"), quickly...)
		p := newPublisher(t, "zmtp", get(t, po, "endpoint.out"), quickly...)
		for _, component := range []Component{r, p} {
			refused := 0
			for tries := 0; tries < 100; {
				e, err := component.NextEvent(soon)
				require.NoError(t, err)
				switch e.Kind {
				case "retrying":
					tries++
				case "handshake_failed":
					refused++
				}
			}
			require.LessOrEqual(t, refused, 2) // libzmq may hang up before it has said why
			require.Positive(t, refused)
		}
		refused := 0
		for e, err := po.NextEvent(0); err == nil; e, err = po.NextEvent(0) {
			if e.Kind == "handshake_failed" {
				refused++
			}
		}
		require.LessOrEqual(t, refused, 4)
		require.Positive(t, refused)
		require.Zero(t, po.commonStats().EventsDropped)
	})
}

func TestANormalEndAndAProbeAreNoWarnings(t *testing.T) {
	po := newOffice(t, "zmtp")
	host := strings.TrimPrefix(get(t, po, "endpoint.in"), "tcp://")
	c, err := net.Dial("tcp", host)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	e := eventOf(t, po, "handshake_failed")
	require.Equal(t, notify.Info, e.Level, e.Text)
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"))
	require.NoError(t, r.WaitReady(soon))
	require.NoError(t, r.Close())
	require.Equal(t, notify.Info, eventOf(t, po, "disconnected").Level)

	// A health check that speaks is another kind of peer.
	c, err = net.Dial("tcp", host)
	require.NoError(t, err)
	_, err = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	require.NoError(t, err)
	e = eventOf(t, po, "handshake_failed")
	require.NoError(t, c.Close())
	require.Contains(t, e.Text, "does not speak ZMTP")
	require.Equal(t, notify.Warning, e.Level)
}

func TestAnIdleConnectionIsExplained(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.Eventually(t, func() bool {
			return strings.Contains(fmt.Sprint(p.WaitReady(time.Millisecond)), "no receiver has subscribed")
		},
			soon, time.Millisecond, "%v", p.WaitReady(time.Millisecond))
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		require.NoError(t, r.Subscribe("some/"))
		require.NoError(t, r.WaitReady(soon))
		_, err := r.Recv(time.Millisecond)
		code(t, ETIMEOUT, err, `no envelope has arrived for its subscriptions: the topics that begin with "some/"`)
		require.NoError(t, r.Accept("another"))
		require.NoError(t, p.Publish("some/thing", "", []byte("1")))
		require.Eventually(t, func() bool { return r.Stats().DroppedOrigin == 1 }, soon, time.Millisecond)
		_, err = r.Recv(time.Millisecond)
		code(t, ETIMEOUT, err, "all from origins that it does not accept")
		require.Empty(t, r.Stats().Problem)
	})
}

func TestAPathWithoutPermissionIsReported(t *testing.T) {
	if os.Geteuid() == 0 {
		require.Equal(t, carrier.CauseForbidden, carrier.CauseOf(&os.PathError{Err: os.ErrPermission, Op: "connect"}))
		return
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0))
	r := newReceiver(t, "zmtp", "ipc://"+dir+"/office", quickly...)
	told(t, r, "permission denied", "check the permissions")
}
