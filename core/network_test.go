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
)

// entrances are all ways in which an address comes into this package.
var entrances = map[string]func(address string) error{
	"publisher":          func(a string) error { _, err := NewPublisher(a, "p"); return err },
	"publisher, second":  func(a string) error { _, err := NewPublisher("tcp://127.0.0.1:9,"+a, "p"); return err },
	"receiver":           func(a string) error { _, err := NewReceiver(a, "r"); return err },
	"receiver, bound":    func(a string) error { _, err := NewReceiver("@"+a, "r"); return err },
	"publisher, bound":   func(a string) error { _, err := NewPublisher("@"+a, "p"); return err },
	"office in":          func(a string) error { _, err := NewPostOffice(a, "tcp://127.0.0.1:*", ""); return err },
	"office out":         func(a string) error { _, err := NewPostOffice("tcp://127.0.0.1:*", a, ""); return err },
	"office debug":       func(a string) error { _, err := NewPostOffice("tcp://*:*", "tcp://*:*", a); return err },
	"office, connecting": func(a string) error { _, err := NewPostOffice(">"+a, "tcp://127.0.0.1:*", ""); return err },
}

func TestAMalformedAddressIsRefusedAtEveryEntrance(t *testing.T) {
	for bad, why := range map[string]string{
		"tcp://127.0.0.1:-1":                 "-1 is no port",
		"tcp://127.0.0.1:99999":              "99999 is no port",
		"tcp://127.0.0.1:22129/path":         "22129/path is no port",
		"tcp://127.0.0.1:22130abc":           "22130abc is no port",
		"tcp://127.0.0.1":                    "the port is missing",
		"tcp://:6000":                        "the host is missing",
		"ipc://":                             "the path is missing",
		"inproc://":                          "the name is missing",
		"ipc:///" + strings.Repeat("x", 200): "107 are the most",
	} {
		for name, enter := range entrances {
			err := enter(bad)
			code(t, EADDRESS, err, why)
			require.NotContains(t, err.Error(), "libzmq", name)
		}
	}
	code(t, EADDRESS, entrances["publisher"]("tcp://*:6000"), "not connected to")
	code(t, EADDRESS, entrances["office, connecting"]("tcp://127.0.0.1:*"), "not connected to")
}

func TestAnEmptyAddressAmongOthersIsRefused(t *testing.T) {
	for _, text := range []string{"tcp://127.0.0.1:9,", ",tcp://127.0.0.1:9", "tcp://127.0.0.1:9, ,tcp://127.0.0.1:8", ","} {
		_, err := NewPublisher(text, "p")
		code(t, EADDRESS, err, "one of the addresses in it is empty")
		require.ErrorContains(t, err, text)
	}
}

func TestTheSameAddressTwiceIsOne(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		in := get(t, po, "endpoint.in")
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "redundant", "off") // which would hide a copy
		p := newPublisher(t, engine, strings.Join([]string{in, in, strings.Replace(in, "127.0.0.1", "localhost", 1)}, " , "))
		require.NoError(t, p.WaitReady(soon))
		for range 10 {
			require.NoError(t, p.Publish("t", "", []byte("1")))
		}
		require.NoError(t, p.Publish("t", "", []byte(`"last"`)))
		require.Equal(t, `"last"`, string(collect(t, r, 11)[10].Data))
		require.Len(t, po.Stats().Publishers, 1)
	})
}

// TestARelativePathIsResolvedAtTheStart, wherever the process goes afterwards.
func TestARelativePathIsResolvedAtTheStart(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		home, elsewhere := shortDir(t), shortDir(t)
		t.Chdir(home)
		r := newReceiver(t, engine, "@ipc://feed")
		p := newPublisher(t, engine, "ipc://./feed")
		t.Chdir(elsewhere)
		require.NoError(t, r.Stop(0))
		require.NoFileExists(t, filepath.Join(home, "feed"))
		t.Chdir(home)
		require.NoError(t, r.Start())
		t.Chdir(elsewhere)
		require.FileExists(t, filepath.Join(home, "feed"))
		require.NoError(t, p.WaitReady(soon))
	})
}

func TestARelativePathThatIsTooLongIsRefused(t *testing.T) {
	deep := filepath.Join(shortDir(t), strings.Repeat("d", 100))
	require.NoError(t, os.Mkdir(deep, 0o700))
	t.Chdir(deep)
	eachEngine(t, func(t *testing.T, engine string) {
		r, err := NewReceiver("@ipc://feed", "r")
		require.NoError(t, err)
		set(t, r, "engine", engine)
		code(t, EADDRESS, r.Start(), deep, "are the most")
	})
}

// shortDir is a directory whose name leaves room for that of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "h")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestAnIPCAddressInUseIsNotTaken(t *testing.T) {
	eachEngine(t, func(t *testing.T, first string) {
		eachEngine(t, func(t *testing.T, second string) {
			dir := shortDir(t)
			in, out := "ipc://"+filepath.Join(dir, "in"), "ipc://"+filepath.Join(dir, "out")
			po, err := NewPostOffice(in, out, "")
			require.NoError(t, err)
			set(t, po, "engine", first)
			require.NoError(t, po.Start())
			defer func() { require.NoError(t, po.Close()) }()
			taken, err := NewPostOffice(in, "ipc://*", "")
			require.NoError(t, err)
			set(t, taken, "engine", second)
			code(t, EADDRINUSE, taken.Start(), in)
			p := newPublisher(t, second, in)
			r := newReceiver(t, second, out)
			require.NoError(t, p.Publish("t", "", []byte("1")))
			collect(t, r, 1)
			require.NoError(t, r.Close())
			require.NoError(t, p.Close())
		})
	})
}

// TestTextWithANulIsRefused: C would cut it there, and so would everything that is made of
// C. Topics and origins may have one, for they have a length.
func TestTextWithANulIsRefused(t *testing.T) {
	const good, cut = "tcp://127.0.0.1:9", "tcp://127.0.0.1:9\x00x"
	_, err := NewPublisher(good, "p\x00x")
	code(t, EINVAL, err, "NUL", `"p\x00x"`)
	_, err = NewReceiver(good, "\x00")
	code(t, EINVAL, err, "NUL")
	_, err = NewNode("n\x00", nil, nil)
	code(t, EINVAL, err, "NUL")
	_, err = NewPublisher(cut, "p")
	code(t, EADDRESS, err, "NUL")
	_, err = NewReceiver(good+",ipc://a\x00b", "r")
	code(t, EADDRESS, err, "NUL")
	for i := range 3 {
		places := []string{good, good, good}
		places[i] = cut
		_, err = NewPostOffice(places[0], places[1], places[2])
		code(t, EADDRESS, err, "NUL")
	}
	p, err := NewPublisher(good, "p")
	require.NoError(t, err)
	code(t, EOPTION, p.Set("linger\x00", "1s"))
	code(t, EOPTION, p.Set("linger", "1s\x00"))
	_, err = p.Get("linger\x00")
	code(t, EOPTION, err)
}

// TestAnInterfaceThatIsNotThereIsABadAddress, in every way to name one.
func TestAnInterfaceThatIsNotThereIsABadAddress(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for _, at := range []string{"tcp://nope0:5555", "tcp://[fe80::1%nope0]:5555", "tcp://192.0.2.1:5555", "tcp://[2001:db8::1]:5555"} {
			po, err := NewPostOffice(at, "tcp://127.0.0.1:*", "")
			require.NoError(t, err)
			set(t, po, "engine", engine)
			code(t, EADDRESS, po.Start(), at)
			require.NoError(t, po.Close())
		}
	})
}

func TestAnAddressInUseIsReported(t *testing.T) {
	a := closedPort(t)
	po, err := NewPostOffice(a, a, "")
	require.NoError(t, err)
	code(t, EADDRINUSE, po.Start(), a+" is both the incoming and the outgoing address")
	eachEngine(t, func(t *testing.T, engine string) {
		taken := get(t, newOffice(t, engine), "endpoint.in")
		po, err := NewPostOffice(taken, "tcp://127.0.0.1:*", "")
		require.NoError(t, err)
		set(t, po, "engine", engine)
		code(t, EADDRINUSE, po.Start(), taken[len("tcp://"):], "another program listens there")
	})
}

func TestWhatOnePeerMayCostCanBeSet(t *testing.T) {
	subscribing := func(t *testing.T, office *PostOffice, topics ...string) {
		r, err := NewReceiver(get(t, office, "endpoint.out"), "r")
		require.NoError(t, err)
		for _, topic := range topics {
			require.NoError(t, r.Subscribe(topic))
		}
		require.NoError(t, r.Start())
		t.Cleanup(func() { _ = r.Close() })
	}
	for option, c := range map[string]struct {
		value string
		peer  func(*testing.T, *PostOffice)
		words string
	}{
		"limit.connections": {"1", func(t *testing.T, office *PostOffice) {
			subscribing(t, office, "a")
			hears(t, office, "connected at")
			subscribing(t, office, "b")
		}, "1 peers are connected, which is the limit"},
		"limit.subscriptions": {"2", func(t *testing.T, office *PostOffice) { subscribing(t, office, "a", "b", "c") }, "more than 2 subscriptions"},
		"limit.subscriptions.bytes": {"50", func(t *testing.T, office *PostOffice) {
			subscribing(t, office, strings.Repeat("x", 40), strings.Repeat("y", 40))
		}, "more than 50 bytes"},
		"limit.frames": {"4", sendFrames, "more than 4 frames"},
		"limit.handshake.bytes": {"70", func(t *testing.T, office *PostOffice) {
			c, err := net.Dial("tcp", strings.TrimPrefix(get(t, office, "endpoint.out"), "tcp://"))
			require.NoError(t, err)
			t.Cleanup(func() { _ = c.Close() })
			greeting := append([]byte("\xff\x00\x00\x00\x00\x00\x00\x00\x00\x7f\x03\x00NULL"), make([]byte, 48)...)
			_, err = c.Write(append(greeting, "\x04\xc8\x05READY"...)) // of 200 bytes
			require.NoError(t, err)
		}, "handshake is longer than"},
	} {
		t.Run(option, func(t *testing.T) {
			office := newOffice(t, "zmtp", option, c.value)
			c.peer(t, office)
			hears(t, office, c.words)
		})
	}
}

// sendFrames publishes a message that has too many frames.
func sendFrames(t *testing.T, office *PostOffice) {
	r := newReceiver(t, "zmtp", get(t, office, "endpoint.out"))
	require.NoError(t, r.WaitReady(soon))
	rawPublisher(t, get(t, office, "endpoint.in"))("1", "2", "3", "4", "5")
}

// TestAFrozenPeerIsNoticed by every component, and by default within ten seconds.
func TestAFrozenPeerIsNoticed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	go func() { // shakes hands, and then says nothing more
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			greeting := append([]byte{0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 1}, "NULL"...)
			_, _ = c.Write(append(greeting, make([]byte, 64-len(greeting))...))
			_, _ = c.Write([]byte("\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x04XPUB"))
		}
	}()
	quick := []string{"heartbeat.interval", "30ms", "heartbeat.timeout", "60ms", "reconnect.min", "1ms"}
	r := newReceiver(t, "zmtp", "tcp://"+l.Addr().String(), quick...)
	require.Contains(t, eventOf(t, r, "disconnected").Text, "heartbeat timeout")
	require.Equal(t, "connected", eventOf(t, r, "connected").Kind, "it tries again")

	po, err := NewPostOffice(">tcp://"+l.Addr().String(), "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, po, quick...)
	require.NoError(t, po.Start())
	defer func() { _ = po.Close() }()
	require.Contains(t, eventOf(t, po, "disconnected").Text, "heartbeat timeout")

	for _, p := range []Component{r, po, newPublisher(t, "zmtp", "tcp://127.0.0.1:1")} {
		defaults := map[string]time.Duration{}
		for _, o := range p.Options() {
			if strings.HasPrefix(o.Key, "heartbeat.") {
				defaults[o.Key], err = time.ParseDuration(o.Default)
				require.NoError(t, err)
			}
		}
		interval, timeout := defaults["heartbeat.interval"], defaults["heartbeat.timeout"]
		require.LessOrEqual(t, interval+timeout+interval/4, 10*time.Second, fmt.Sprint(defaults)) // it looks four times an interval
		require.NotZero(t, interval)
	}
}
