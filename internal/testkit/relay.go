package testkit

import (
	"bufio"
	"encoding/binary"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// Relay is a piece of network between two components: it carries TCP connections to a
// target, can be cut, and can lose whole messages of what the near side sends, for it
// understands just enough of ZMTP.
type Relay struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	cut    bool
	open   []net.Conn
	every  int // it loses every so many-th message; 0: none
	passed int // messages since Lose
	lost   map[string]int
}

// NewRelay makes a relay to an endpoint, as components call it; it ends with the test.
func NewRelay(t testing.TB, endpoint string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &Relay{listener: l, target: strings.TrimPrefix(endpoint, "tcp://"), lost: map[string]int{}}
	t.Cleanup(func() { _ = l.Close(); r.Cut() })
	go r.run()
	return r
}

// Address is where the relay listens.
func (r *Relay) Address() string { return "tcp://" + r.listener.Addr().String() }

// Cut ends all connections, and those to come until Restore.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	for _, c := range r.open {
		_ = c.Close()
	}
	r.open = nil
}

// Restore ends Cut.
func (r *Relay) Restore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = false
}

// Lose loses, from now on, every k-th message that the near side sends; 0 loses none.
func (r *Relay) Lose(k int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.every = k
	if k > 0 {
		r.passed = 0
	}
}

// Passed is how many messages have come since Lose, those that were lost included.
func (r *Relay) Passed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passed
}

// Lost is how many messages were lost, by their first frame, without quotation marks.
func (r *Relay) Lost() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.lost)
}

func (r *Relay) run() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.target)
		if err != nil || !r.hold(near, far) {
			_ = near.Close()
			continue
		}
		go carry(far, near, r.carryMessages)
		go carry(near, far, func(to io.Writer, from io.Reader) { _, _ = io.Copy(to, from) })
	}
}

func (r *Relay) hold(near, far net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut {
		_ = far.Close()
		return false
	}
	r.open = append(r.open, near, far)
	return true
}

func carry(to, from net.Conn, pass func(io.Writer, io.Reader)) {
	pass(to, from)
	_ = to.Close()
	_ = from.Close()
}

// carryMessages passes on what a peer sends, but for the messages that are lost.
func (r *Relay) carryMessages(to io.Writer, from io.Reader) {
	in := bufio.NewReaderSize(from, 1<<16)
	const greeting = 64
	if _, err := io.CopyN(to, in, greeting); err != nil {
		return
	}
	var msg []byte
	for {
		start := len(msg)
		more, err := readFrame(in, &msg)
		if err != nil {
			return
		}
		if more {
			continue
		}
		if msg[start]&batch.FlagCommand != 0 || !r.loses(msg) {
			if _, err := to.Write(msg); err != nil {
				return
			}
		}
		msg = msg[:0]
	}
}

// readFrame adds one frame to msg.
func readFrame(in *bufio.Reader, msg *[]byte) (more bool, err error) {
	head := make([]byte, 2, 9)
	if _, err := io.ReadFull(in, head); err != nil {
		return false, err
	}
	size := uint64(head[1])
	if head[0]&batch.FlagLong != 0 {
		head = head[:9]
		if _, err := io.ReadFull(in, head[2:]); err != nil {
			return false, err
		}
		size = binary.BigEndian.Uint64(head[1:])
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(in, body); err != nil {
		return false, err
	}
	*msg = append(append(*msg, head...), body...)
	return head[0]&batch.FlagMore != 0, nil
}

func (r *Relay) loses(msg []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.every == 0 {
		return false
	}
	r.passed++
	if r.passed%r.every > 0 {
		return false
	}
	r.lost[strings.Trim(string(batch.Topic(msg)), `"`)]++
	return true
}
