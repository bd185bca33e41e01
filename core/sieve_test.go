package core

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// sieve is a relay on the way of a publisher that understands just enough of ZMTP to
// lose whole messages: every k-th of those that come through while it is leaky.
type sieve struct {
	net.Listener
	target string
	k      int

	mu       sync.Mutex
	leaky    bool
	passing  int
	injected map[string]int // losses, by topic
}

func newSieve(t testing.TB, endpoint string, k int) *sieve {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &sieve{Listener: l, target: strings.TrimPrefix(endpoint, "tcp://"), k: k, injected: map[string]int{}}
	t.Cleanup(func() { _ = l.Close() })
	go s.run()
	return s
}

func (s *sieve) address() string { return "tcp://" + s.Addr().String() }

func (s *sieve) run() {
	for {
		near, err := s.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", s.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		go carry(near, far)
		go func() {
			s.strain(far, near)
			_ = near.Close()
			_ = far.Close()
		}()
	}
}

// strain passes on what a publisher sends, but for the messages it loses.
func (s *sieve) strain(to io.Writer, from io.Reader) {
	in := bufio.NewReaderSize(from, 1<<16)
	if _, err := io.CopyN(to, in, 64); err != nil { // the greeting
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
		if msg[start]&batch.FlagCommand == 0 && s.loses(msg) {
			msg = msg[:0]
			continue
		}
		if _, err := to.Write(msg); err != nil {
			return
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

func (s *sieve) loses(msg []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.leaky {
		return false
	}
	s.passing++
	if s.passing%s.k > 0 {
		return false
	}
	s.injected[strings.Trim(string(batch.Topic(msg)), `"`)]++
	return true
}

func (s *sieve) leak(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaky = on
}

func (s *sieve) losses() (all int, of map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.injected {
		all += n
	}
	return all, s.injected
}

// TestARelayThatDropsEveryKthMessage: what is lost on the way is counted, exactly, in
// total and by topic, on the envelope behind the gap as well; and nothing else is.
func TestARelayThatDropsEveryKthMessage(t *testing.T) {
	const n = 3000
	for _, k := range []int{1, 2, 3, 7, 64, 1000} {
		for _, topics := range []int{1, 5} {
			t.Run(fmt.Sprintf("k=%d,topics=%d", k, topics), func(t *testing.T) {
				po := newOffice(t, "zmtp")
				r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), "on_slow", "ignore")
				require.Eventually(t, func() bool { return subscribed(po.Stats()) == 1 }, soon, pollEvery)
				s := newSieve(t, get(t, po, "endpoint.in"), k)
				p := newPublisher(t, "zmtp", s.address())
				topic := func(i int) string { return fmt.Sprintf("topic/%d", i%topics) }
				frame := func() { // one envelope of each topic that is not lost
					for i := range topics {
						publishNumbers(t, p, topic(i), 0, 1)
					}
				}
				frame()
				collect(t, r, topics)
				s.leak(true)
				for i := range n {
					require.NoError(t, p.Publish(topic(i), "", strconv.AppendInt(nil, int64(i), 10)))
				}
				require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.passing == n }, soon, pollEvery)
				s.leak(false)
				frame()

				injected, byTopic := s.losses()
				require.Equal(t, n/k, injected)
				found := map[string]int{}
				for _, e := range collect(t, r, n-injected+topics) {
					if e.Lost > 0 {
						found[e.Topic] += int(e.Lost)
					}
				}
				require.Equal(t, byTopic, found)
				require.EqualValues(t, injected, r.Stats().Lost)
				require.Zero(t, r.Stats().Duplicates)
			})
		}
	}
}
