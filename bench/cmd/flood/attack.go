package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hermes-zmq/hermes/internal/curve"
)

// attackers is how many connections an attack has at once, and silentAttackers how many a silent one has: more than
// there are places for handshakes, by default.
const (
	attackers       = 64
	silentAttackers = 600
)

// attack makes handshakes that lead nowhere until the process is told to end.
func attack(kind, address, key string) {
	var made atomic.Int64
	attackWith(kind, address, key, func() bool { made.Add(1); return true })
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	for made.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("begun")
	<-end
	fmt.Println(made.Load())
	os.Exit(0)
}

// attackWith starts the attackers, each of which ends when next, called after each handshake, says so.
func attackWith(kind, address, key string, next func() bool) {
	count := attackers
	if kind == silent {
		count = silentAttackers
	}
	for n := range count {
		go func() {
			a := newPeer(kind, address, key)
			for kind := n; ; kind++ {
				a.shake(kind)
				if !next() {
					return
				}
			}
		}()
	}
}

// peer is one peer after the other.
type peer interface {
	// shake is one handshake, of a kind of its own.
	shake(kind int)
}

func newPeer(kind, address, key string) peer {
	if kind != curveKind {
		return newTLSAttacker(address, kind == silent)
	}
	server, err := curve.ParsePublic(key)
	must(err)
	return newAttacker(address, server)
}

// attacker is a peer that speaks CURVE.
type attacker struct {
	address string
	server  curve.Public
	pair    *curve.Pair
	other   []byte // HELLO for another server
	valid   []byte // HELLO
}

func newAttacker(address string, server curve.Public) *attacker {
	pair, err := curve.Generate()
	must(err)
	a := &attacker{address: address, server: server, pair: pair}
	a.other, err = curve.NewClient(pair, pair.Public, nil).Hello()
	must(err)
	a.valid, err = curve.NewClient(pair, server, nil).Hello()
	must(err)
	return a
}

// greeting is that of a client of CURVE.
func greeting() []byte {
	g := make([]byte, 64)
	g[0], g[9], g[10], g[11] = 0xff, 0x7f, 3, 1
	copy(g[12:], "CURVE")
	return g
}

func frame(body []byte) []byte {
	if len(body) < 256 {
		return append([]byte{4, byte(len(body))}, body...)
	}
	return append(binary.BigEndian.AppendUint64([]byte{6}, uint64(len(body))), body...)
}

// answer reads the body of a command that fits into a short frame.
func answer(from io.Reader) (name string, data []byte) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(from, head); err != nil || head[0] != 4 {
		return "", nil
	}
	body := make([]byte, head[1])
	if _, err := io.ReadFull(from, body); err != nil || len(body) == 0 || len(body) <= int(body[0]) {
		return "", nil
	}
	return string(body[1 : 1+body[0]]), body[1+body[0]:]
}

// shake is one handshake.
func (a *attacker) shake(kind int) {
	nc, err := net.DialTimeout("tcp", a.address, 10*time.Second)
	if err != nil {
		return
	}
	defer nc.Close()
	_ = nc.(*net.TCPConn).SetLinger(0)
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	kind %= 8
	if kind == 0 {
		_, _ = nc.Write(greeting()[:kind+20])
		return
	}
	_, _ = nc.Write(greeting())
	if kind == 1 {
		return
	}
	if _, err := io.ReadFull(nc, make([]byte, 64)); err != nil {
		return
	}
	switch kind {
	case 2:
		_, _ = nc.Write(frame(a.other))
		answer(nc)
	case 3, 4:
		a.initiate(nc, kind == 3)
	default:
		_, _ = nc.Write(frame(a.valid))
		answer(nc)
	}
}

// initiate goes on to INITIATE, with a key that is not known, or changed.
func (a *attacker) initiate(nc net.Conn, changed bool) {
	c := curve.NewClient(a.pair, a.server, nil)
	hello, err := c.Hello()
	must(err)
	_, _ = nc.Write(frame(hello))
	name, data := answer(nc)
	if name == "" {
		return
	}
	step, err := c.Receive(name, data)
	if err != nil {
		return
	}
	if changed {
		step.Answer[len(step.Answer)-1] ^= 1
	}
	_, _ = nc.Write(frame(step.Answer))
	answer(nc)
}
