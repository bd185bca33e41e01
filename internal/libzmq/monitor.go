//go:build cgo && !nolibzmq

package libzmq

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// monitored are the events that libzmq reports.
const monitored = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CONNECT_RETRIED |
	zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH |
	zmq.EVENT_ACCEPTED | zmq.EVENT_ACCEPT_FAILED | zmq.EVENT_CONNECTED

var monitors atomic.Uint64

// The monitor turns libzmq's socket events (zmq_socket_monitor) into carrier events. libzmq
// sends them to a PAIR socket, which a goroutine of the monitor reads.
//
// What libzmq reports is less than the carrier wants: a disconnection names only the
// endpoint, which all peers of a bound address share; a refused socket type is reported as a
// disconnection without a handshake; a retry comes without a reason.
//
// mu guards peers, lastID and failed; it is the last lock taken. OnEvent is called without
// it.

// monitor watches one socket.
type monitor struct {
	owner   *socket
	pair    *zmq.Socket // used by the watcher's goroutine, and by close after that has ended
	watcher *watcher
	stop    atomic.Bool
	done    sync.WaitGroup

	mu     invariants.Mutex
	peers  []carrier.Peer
	lastID uint64
	failed map[string]int // handshakes that have failed and whose disconnection is still to come

	// nextReport is when the next report of connections that cannot be accepted is due, and
	// zero while they can. It is owned by the watcher's goroutine.
	nextReport time.Time
}

func openMonitor(s *socket) (*monitor, error) {
	m := &monitor{owner: s, failed: map[string]int{}}
	m.mu.Rank(lockFamily, rankMonitor)
	address := fmt.Sprintf("inproc://hermes.monitor.%d", monitors.Add(1))
	if err := s.soc.Monitor(address, monitored); err != nil {
		return nil, fmt.Errorf("cannot monitor a libzmq socket: %w", err)
	}
	var err error
	if m.pair, err = s.ctx.NewSocket(zmq.PAIR); err == nil {
		if err = m.pair.SetLinger(0); err == nil {
			if err = m.pair.Connect(address); err == nil {
				m.watcher, err = newWatcher(m.pair)
			}
		}
	}
	if err != nil {
		_ = s.soc.Monitor("", 0)
		if m.pair != nil {
			_ = m.pair.Close()
		}
		return nil, fmt.Errorf("cannot monitor a libzmq socket: %w", err)
	}
	m.done.Add(1)
	safe.Go(s.fail, func() {
		defer m.done.Done()
		m.watcher.run(m.turn)
	})
	return m, nil
}

// close ends the monitoring. No other goroutine uses soc.
func (m *monitor) close(soc *zmq.Socket) {
	m.stop.Store(true)
	m.watcher.wake()
	m.done.Wait()
	_ = soc.Monitor("", 0)
	_ = m.pair.Close()
	m.watcher.close()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peers = nil
}

func (m *monitor) turn() bool {
	for !m.stop.Load() {
		event, address, value, err := m.pair.RecvEvent(zmq.DONTWAIT)
		if err != nil {
			return false
		}
		m.handle(event, address, value)
	}
	return true
}

func (m *monitor) handle(event zmq.Event, address string, value int) {
	switch event {
	case zmq.EVENT_CONNECTED:
		fds.Evict(value)
	case zmq.EVENT_HANDSHAKE_SUCCEEDED:
		id := m.addPeer(address)
		m.owner.emit(carrier.Event{Kind: carrier.Connected, Peer: id, Address: address})
	case zmq.EVENT_DISCONNECTED:
		id, was, shaken := m.removePeer(address)
		switch {
		case was:
			m.owner.emit(carrier.Event{Kind: carrier.Disconnected, Peer: id, Address: address, Cause: carrier.CauseLeft})
		case !shaken:
			m.mismatch(address)
		}
	case zmq.EVENT_CONNECT_RETRIED:
		fds.Occupy() // or the next attempt may come to lie among the standard streams
		pause := time.Duration(value) * time.Millisecond
		m.owner.emit(carrier.Event{Kind: carrier.Retrying, Address: address, Cause: carrier.CauseUnknown,
			Reason: fmt.Sprintf("libzmq does not report why; it tries again in %v", pause)})
	case zmq.EVENT_ACCEPT_FAILED:
		if now := time.Now(); !now.Before(m.nextReport) {
			m.nextReport = now.Add(time.Second)
			m.owner.emit(carrier.Event{Kind: carrier.Exhausted, Address: address,
				Reason: "cannot accept a connection: " + fds.Describe(syscall.Errno(value))})
		}
	case zmq.EVENT_ACCEPTED:
		fds.Evict(value)
		if !m.nextReport.IsZero() {
			m.nextReport = time.Time{}
			m.owner.emit(carrier.Event{Kind: carrier.Recovered, Address: address})
		}
	default:
		m.mu.Lock()
		m.failed[address]++
		m.mu.Unlock()
		m.owner.emit(carrier.Event{Kind: carrier.HandshakeFailed, Address: address, Reason: reason(event, value), Cause: cause(event, value)})
	}
}

// mismatch reports a connection that has ended during the handshake without an event for
// that: so libzmq refuses a socket of a type that does not fit. It does not try such an
// address again.
func (m *monitor) mismatch(address string) {
	e := carrier.Event{Kind: carrier.HandshakeFailed, Address: address, Cause: carrier.CauseUnknown,
		Reason: "the peer's socket is of a type that does not fit"}
	if slices.Contains(m.owner.cfg.Connect, address) {
		e.Kind = carrier.Retrying
	}
	m.owner.emit(e)
}

// cause sorts why a handshake has failed. A peer that has closed the connection meanwhile
// may be a probe: libzmq does not report whether it had sent anything.
func cause(event zmq.Event, value int) carrier.Cause {
	if event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL {
		switch syscall.Errno(value) {
		case syscall.EPIPE, syscall.ECONNRESET:
			return carrier.CauseProbe
		}
	}
	return carrier.CauseUnknown
}

func reason(event zmq.Event, value int) string {
	switch event {
	case zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
		return fmt.Sprintf("protocol error 0x%08x", uint32(value))
	case zmq.EVENT_HANDSHAKE_FAILED_AUTH:
		return fmt.Sprintf("refused with status %d", value)
	}
	return "the peer went away or did not speak ZMTP"
}

func (m *monitor) addPeer(address string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastID++
	m.peers = append(m.peers, carrier.Peer{ID: m.lastID, Address: address, Since: time.Now()})
	return m.lastID
}

// removePeer finds a peer by its address: the oldest one, where several peers share it. was
// reports that there was one. shaken reports that the handshake had ended, well or not:
// libzmq reports a disconnection after a failed handshake as well.
func (m *monitor) removePeer(address string) (id uint64, was, shaken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed[address] > 0 {
		if m.failed[address]--; m.failed[address] == 0 {
			delete(m.failed, address)
		}
		return 0, false, true
	}
	for i, p := range m.peers {
		if p.Address == address {
			m.peers = append(m.peers[:i], m.peers[i+1:]...)
			return p.ID, true, true
		}
	}
	return 0, false, false
}

func (m *monitor) list() []carrier.Peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]carrier.Peer(nil), m.peers...)
}

func (m *monitor) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.peers)
}
