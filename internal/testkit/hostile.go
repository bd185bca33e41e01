package testkit

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Hostile is a peer that connects to a port and sends what it should not.
type Hostile struct {
	net.Conn
	random *rand.Rand
}

// DialHostile is nil where the port accepts no connection just now. What it sends depends on
// the seeds alone.
func DialHostile(endpoint string, seed1, seed2 uint64) *Hostile {
	return dialHostile(endpoint, rand.New(rand.NewPCG(seed1, seed2)))
}

func dialHostile(endpoint string, random *rand.Rand) *Hostile {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(endpoint, "tcp://"), Soon)
	if err != nil {
		return nil
	}
	_ = c.SetDeadline(time.Now().Add(Soon))
	return &Hostile{c, random}
}

// ZMTPGreeting is that of a peer of ZMTP 3.minor with the mechanism NULL.
func ZMTPGreeting(minor byte) []byte {
	g := make([]byte, 64)
	g[0], g[9], g[10], g[11] = 0xff, 0x7f, 3, minor
	copy(g[12:], "NULL")
	return g
}

// ZMTPFrame is one frame with these flags, whatever they are, in the form they ask for.
func ZMTPFrame(flags byte, body []byte) []byte {
	if flags&2 == 0 && len(body) < 256 {
		return append([]byte{flags, byte(len(body))}, body...)
	}
	return append(binary.BigEndian.AppendUint64([]byte{flags | 2}, uint64(len(body))), body...)
}

// ZMTPReady is the command that tells the type of a socket.
func ZMTPReady(socketType string) []byte {
	body := append([]byte{5}, "READY\x0bSocket-Type"...)
	body = binary.BigEndian.AppendUint32(body, uint32(len(socketType)))
	return ZMTPFrame(4, append(body, socketType...))
}

// ShakeHands shakes hands as a socket of a type should.
func (h *Hostile) ShakeHands(socketType string) {
	_, _ = h.Write(append(ZMTPGreeting(byte(h.random.IntN(2))), ZMTPReady(socketType)...))
}

func (h *Hostile) noise(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(h.random.IntN(256))
	}
	return p
}

// frames is a run of well-formed frames of all kinds with senseless content.
func (h *Hostile) frames() (out []byte) {
	for range 1 + h.random.IntN(30) {
		body := h.noise(h.random.IntN(80))
		switch h.random.IntN(6) {
		case 0: // a command, known or not
			name := []string{"READY", "ERROR", "PING", "PONG", "SUBSCRIBE", "CANCEL", "JOIN", "", "\xff"}[h.random.IntN(9)]
			body = append(append([]byte{byte(len(name))}, name...), body...)
			out = append(out, ZMTPFrame(4, body)...)
		case 1: // the old form of a subscription
			out = append(out, ZMTPFrame(0, append([]byte{byte(h.random.IntN(2))}, body...))...)
		case 2: // nearly an envelope
			for i, f := range []string{`"honest/x"`, `"o"`, "[1", "now"}[h.random.IntN(3):] {
				out = append(out, ZMTPFrame(byte(1-i/3), []byte(f))...)
			}
		case 3: // a frame that claims to be longer than it is
			out = append(out, ZMTPFrame(2, nil)...)
			binary.BigEndian.PutUint64(out[len(out)-8:], h.random.Uint64()>>h.random.IntN(64))
			out = append(out, body...)
		default:
			out = append(out, ZMTPFrame(byte(h.random.IntN(8)), body)...)
		}
	}
	return out
}

// visit sends something, and closes the connection.
func (h *Hostile) visit() {
	defer func() { _ = h.Close() }()
	switch h.random.IntN(4) {
	case 0: // raw bytes
		_, _ = h.Write(h.noise(1 + h.random.IntN(3000)))
	case 1: // a valid greeting, and noise
		_, _ = h.Write(append(ZMTPGreeting(1), h.noise(h.random.IntN(300))...))
	default: // a valid handshake, of the right type or not
		h.ShakeHands([]string{"SUB", "PUB", "XSUB", "XPUB", "PULL", "\x00"}[h.random.IntN(6)])
		for range 1 + h.random.IntN(3) {
			if _, err := h.Write(h.frames()); err != nil {
				return
			}
		}
		if h.random.IntN(2) == 0 { // and it reads a little
			_ = h.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, _ = h.Read(make([]byte, 1000))
		}
	}
}

// SendGarbage has so many hostile peers visit each of these ports again and again until the
// returned function is called, which tells how many visits there were.
func SendGarbage(endpoints []string, each int) (stop func() (visits int)) {
	var over atomic.Bool
	var peers sync.WaitGroup
	var visits atomic.Int64
	for n := range each * len(endpoints) {
		peers.Go(func() {
			for random := rand.New(rand.NewPCG(uint64(n), 9)); !over.Load(); {
				if h := dialHostile(endpoints[n%len(endpoints)], random); h != nil {
					h.visit()
					visits.Add(1)
				}
			}
		})
	}
	return func() int {
		over.Store(true)
		peers.Wait()
		return int(visits.Load())
	}
}
