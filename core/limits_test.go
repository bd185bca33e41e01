package core

import (
	"net"
	"strings"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"
)

// hears waits until a component tells of something in these words.
func hears(t *testing.T, p Component, words string) {
	t.Helper()
	for end := time.Now().Add(soon); ; {
		e, err := p.NextEvent(time.Until(end))
		require.NoError(t, err, "nothing was said of %q", words)
		if strings.Contains(e.Text, words) {
			return
		}
	}
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
		}, "there are 1 connections already"},
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

// sendFrames is a publisher of libzmq whose message has too many frames.
func sendFrames(t *testing.T, office *PostOffice) {
	r := newReceiver(t, "zmtp", get(t, office, "endpoint.out"))
	require.NoError(t, r.WaitReady(soon))
	socket, err := zmq.NewSocket(zmq.XPUB)
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	require.NoError(t, socket.SetLinger(0))
	require.NoError(t, socket.Connect(get(t, office, "endpoint.in")))
	_, err = socket.RecvBytes(0) // the subscription
	require.NoError(t, err)
	_, err = socket.SendMessage("1", "2", "3", "4", "5")
	require.NoError(t, err)
}
