package core

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// vandal is somebody who connects to a port and means no good.
type vandal struct {
	net.Conn
	random *rand.Rand
}

// newVandal is nil where the port takes nobody just now.
func newVandal(endpoint string, random *rand.Rand) *vandal {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(endpoint, "tcp://"), soon)
	if err != nil {
		return nil
	}
	_ = c.SetDeadline(time.Now().Add(soon))
	return &vandal{c, random}
}

func (v *vandal) noise(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(v.random.IntN(256))
	}
	return p
}

// zmtpGreeting is that of a peer of ZMTP 3.minor with the mechanism NULL.
func zmtpGreeting(minor byte) []byte {
	g := make([]byte, 64)
	g[0], g[9], g[10], g[11] = 0xff, 0x7f, 3, minor
	copy(g[12:], "NULL")
	return g
}

// zmtpFrame is one frame with these flags, whatever they are, in the form they ask for.
func zmtpFrame(flags byte, body []byte) []byte {
	if flags&2 == 0 && len(body) < 256 {
		return append([]byte{flags, byte(len(body))}, body...)
	}
	return append(binary.BigEndian.AppendUint64([]byte{flags | 2}, uint64(len(body))), body...)
}

func zmtpReady(kind string) []byte {
	body := append([]byte{5}, "READY\x0bSocket-Type"...)
	body = binary.BigEndian.AppendUint32(body, uint32(len(kind)))
	return zmtpFrame(4, append(body, kind...))
}

// introduce shakes hands as a peer should.
func (v *vandal) introduce(kind string) {
	_, _ = v.Write(append(zmtpGreeting(byte(v.random.IntN(2))), zmtpReady(kind)...))
}

// frames is a run of well-formed frames of all kinds with senseless content.
func (v *vandal) frames() (out []byte) {
	for range 1 + v.random.IntN(30) {
		body := v.noise(v.random.IntN(80))
		switch v.random.IntN(6) {
		case 0: // a command, known or not
			name := []string{"READY", "ERROR", "PING", "PONG", "SUBSCRIBE", "CANCEL", "JOIN", "", "\xff"}[v.random.IntN(9)]
			body = append(append([]byte{byte(len(name))}, name...), body...)
			out = append(out, zmtpFrame(4, body)...)
		case 1: // the old form of a subscription
			out = append(out, zmtpFrame(0, append([]byte{byte(v.random.IntN(2))}, body...))...)
		case 2: // nearly an envelope
			for i, f := range []string{`"honest/x"`, `"o"`, "[1", "now"}[v.random.IntN(3):] {
				out = append(out, zmtpFrame(byte(1-i/3), []byte(f))...)
			}
		case 3: // more than there is
			out = append(out, zmtpFrame(2, nil)...)
			binary.BigEndian.PutUint64(out[len(out)-8:], v.random.Uint64()>>v.random.IntN(64))
			out = append(out, body...)
		default:
			out = append(out, zmtpFrame(byte(v.random.IntN(8)), body)...)
		}
	}
	return out
}

// rage is one visit.
func (v *vandal) rage() {
	defer func() { _ = v.Close() }()
	switch v.random.IntN(4) {
	case 0: // raw bytes
		_, _ = v.Write(v.noise(1 + v.random.IntN(3000)))
	case 1: // a proper greeting, and nonsense
		_, _ = v.Write(append(zmtpGreeting(1), v.noise(v.random.IntN(300))...))
	default: // a proper peer, or of the wrong kind
		v.introduce([]string{"SUB", "PUB", "XSUB", "XPUB", "PULL", "\x00"}[v.random.IntN(6)])
		for range 1 + v.random.IntN(3) {
			if _, err := v.Write(v.frames()); err != nil {
				return
			}
		}
		if v.random.IntN(2) == 0 { // and listens a little
			_ = v.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, _ = v.Read(make([]byte, 1000))
		}
	}
}

// vandalise throws garbage at all of these ports until the returned function is
// called, which tells how often somebody got in.
func vandalise(endpoints []string, each int) (enough func() int) {
	var over atomic.Bool
	var gang sync.WaitGroup
	var visits atomic.Int64
	for n := range each * len(endpoints) {
		gang.Add(1)
		go func() {
			defer gang.Done()
			for random := rand.New(rand.NewPCG(uint64(n), 9)); !over.Load(); {
				if v := newVandal(endpoints[n%len(endpoints)], random); v != nil {
					v.rage()
					visits.Add(1)
				}
			}
		}()
	}
	return func() int {
		over.Store(true)
		gang.Wait()
		return int(visits.Load())
	}
}

// TestGarbageAtEveryPortDisturbsNobody: raw noise, broken handshakes, and proper peers
// that send nonsense, many at once, at all ports of a post office, of a bound publisher
// and of a bound receiver; a stream that passes through all of them arrives whole.
func TestGarbageAtEveryPortDisturbsNobody(t *testing.T) {
	const n = 20_000
	p, err := NewPublisher("@tcp://127.0.0.1:*", "pub")
	require.NoError(t, err)
	require.NoError(t, p.Start())
	defer p.Close()
	r, err := NewReceiver("@tcp://127.0.0.1:*", "rec")
	require.NoError(t, err)
	require.NoError(t, r.Subscribe("honest/"))
	set(t, r, "on_slow", "ignore")
	require.NoError(t, r.Start())
	defer r.Close()
	po, err := NewPostOffice("tcp://127.0.0.1:*,>"+get(t, p, "endpoint"), "tcp://127.0.0.1:*,>"+get(t, r, "endpoint"), "tcp://127.0.0.1:*")
	require.NoError(t, err)
	set(t, po, "cache.depth", "2")
	require.NoError(t, po.Start())
	defer po.Close()
	require.NoError(t, p.WaitReady(soon))
	require.Eventually(t, func() bool { return subscribed(po.Stats()) == 1 }, soon, pollEvery)

	ports := []string{get(t, p, "endpoint"), get(t, r, "endpoint")}
	for _, side := range []string{"in", "out", "debug"} {
		ports = append(ports, get(t, po, "endpoint."+side))
	}
	descriptors := countFDs(t)
	enough := vandalise(ports, 4)
	go func() {
		for i := range n {
			_ = p.Publish("honest/x", "", strconv.AppendInt(nil, int64(i), 10))
			if i%200 == 0 {
				time.Sleep(10 * time.Millisecond) // so that it lasts
			}
		}
	}()
	for next := 0; next < n; {
		e, err := r.Recv(soon)
		require.NoError(t, err, "after %d: %s", next, r.StatsJSON())
		if e.Origin == "pub" {
			if string(e.Data) != fmt.Sprint(next) || e.Lost != 0 {
				require.Equal(t, fmt.Sprint(next), string(e.Data), "lost %d", e.Lost)
			}
			next++
		}
	}
	visits := enough()
	require.Greater(t, visits, 100)
	require.Zero(t, r.Stats().Lost+r.Stats().Duplicates)
	require.Zero(t, po.Stats().Dropped)
	for _, component := range []Component{p, r, po} {
		require.Equal(t, "running", get(t, component, "state"))
	}
	require.Eventually(t, func() bool {
		return len(po.Stats().Subscribers) == 1 && len(po.Stats().Publishers) == 1 && len(p.Stats().Peers) == 1 && len(r.Stats().Peers) == 1
	}, soon, pollEvery, "all vandals are forgotten")
	require.Eventually(t, func() bool { return countFDs(t) <= descriptors }, soon, pollEvery)
}

// TestAHostilePeerCostsNeitherMemoryNorTheTimeOfOthers: peers that are proper by the
// letter and do what costs most, for as long as an honest stream takes to pass.
func TestAHostilePeerCostsNeitherMemoryNorTheTimeOfOthers(t *testing.T) {
	const n, topics, queue = 5_000, 10_000, 1 << 20
	po := newOffice(t, "zmtp", "cache.depth", "1", "queue.bytes", strconv.Itoa(queue), "message.bytes", "1MiB")
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
	r, err := NewReceiver(get(t, po, "endpoint.out"), "rec")
	require.NoError(t, err)
	require.NoError(t, r.Subscribe("honest/"))
	set(t, r, "on_slow", "ignore")
	require.NoError(t, r.Start())
	defer r.Close()
	for i := range topics {
		require.NoError(t, p.Publish(fmt.Sprintf("kept/%d", i), "", []byte(`"something to remember"`)))
	}
	relayed(t, po, topics)
	require.Eventually(t, func() bool { return subscribed(po.Stats()) == 1 }, soon, pollEvery)

	subscribe, cancel := zmtpFrame(0, []byte("\x01")), zmtpFrame(0, []byte("\x00"))
	ping := zmtpFrame(4, []byte("\x04PING\x00\x00context"))
	half := append(binary.BigEndian.AppendUint64([]byte{2}, 1<<20), make([]byte, 1000)...)
	deeds := []struct {
		side, kind string
		first, on  []byte
	}{
		{"out", "SUB", subscribe, nil},                    // takes everything and never reads
		{"out", "SUB", nil, append(subscribe, cancel...)}, // asks for all that is kept, again and again
		{"out", "SUB", subscribe, ping},                   // asks without end for answers that it never reads
		{"out", "XSUB", nil, append(zmtpFrame(0, []byte("\x01a")), zmtpFrame(0, []byte("\x00a"))...)}, // makes work upstream
		{"out", "SUB", nil, zmtpFrame(0, append([]byte{5}, make([]byte, 60_000)...))},                 // messages that concern nobody
		{"in", "PUB", half, nil},                          // half a big message
		{"in", "PUB", nil, zmtpFrame(0, []byte("kept/"))}, // a flood of what nobody wants
		{"in", "PUB", ping, ping},
	}
	before := heapInUse()
	var gang sync.WaitGroup
	var over atomic.Bool
	var bytes atomic.Int64
	for d := range 2 * len(deeds) {
		deed := deeds[d%len(deeds)]
		v := newVandal(get(t, po, "endpoint."+deed.side), rand.New(rand.NewPCG(1, uint64(d))))
		require.NotNil(t, v)
		gang.Add(1)
		go func() {
			defer gang.Done()
			defer func() { _ = v.Close() }()
			v.introduce(deed.kind)
			_, _ = v.Write(deed.first)
			for !over.Load() {
				if len(deed.on) == 0 {
					time.Sleep(pollEvery)
					continue
				}
				_ = v.SetWriteDeadline(time.Now().Add(pollEvery)) // whoever is not read waits
				k, _ := v.Write(deed.on)
				bytes.Add(int64(k))
			}
		}()
	}
	go func() {
		for i := range n {
			_ = p.Publish("honest/x", "", strconv.AppendInt(nil, int64(i), 10))
			if i%100 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}()
	var most int64
	for i, e := range collectWatching(t, r, n, func() { most = max(most, heapInUse()-before) }) {
		require.Equal(t, fmt.Sprint(i), string(e.Data))
	}
	over.Store(true)
	gang.Wait()
	require.NotZero(t, bytes.Load())
	require.Zero(t, r.Stats().Lost)
	for _, s := range po.Stats().Subscribers {
		require.LessOrEqual(t, s.QueueBytes, int64(queue+64<<10))
	}
	// Each of the 10 that do not read may fill its queue, whose copies may take twice that.
	require.Less(t, most, int64(100<<20))
	require.Equal(t, "running", get(t, po, "state"))
}
