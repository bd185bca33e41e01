//go:build cgo && !nolibzmq

package libzmq

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/ipcfile"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// What the PUB side and the SUB side have in common: a libzmq socket, the lock that owns
// it, the goroutine that waits for its descriptor (watcher), and the events of its
// connections (monitor).
//
// Opening: context → libzmq socket → options → watcher → monitor → bind → connect; an
// error undoes what was done. Closing: shut sets closed and waits for the watcher's
// goroutine; after that one goroutine has the socket to itself, and dispose closes it and,
// where the context is its own, waits for what lingers.
//
// What guards what: mu guards every call into soc, except by dispose, and closed. events is
// held while OnEvent runs; it is taken before mu.

// socket is what outlet and inlet embed.
type socket struct {
	cfg       carrier.Config // with addresses as libzmq knows them
	plain     []bool         // whether each of cfg.Bind was given with plain+, as endpoints has them
	ctx       *zmq.Context
	private   bool // ctx is this socket's own
	poller    int  // the epoll instance of a private ctx, tracked for forked children; or -1
	endpoints []string
	files     []socketFile

	mu     invariants.Mutex
	soc    *zmq.Socket
	closed bool

	watcher *watcher
	done    sync.WaitGroup // the goroutine of watch
	monitor *monitor

	events invariants.Mutex // held while OnEvent runs
	broken sync.Once
}

// The ranks of the locks, for builds with the tag "invariants".
const (
	lockFamily = "libzmq"

	rankSending = iota
	rankEvents
	rankSocket
	rankMonitor
)

func openSocket(cfg carrier.Config, typ zmq.Type, setup func(*zmq.Socket) error) (*socket, error) {
	cfg, plain, err := bare(cfg)
	if err != nil {
		return nil, err
	}
	s := &socket{cfg: cfg, plain: plain}
	s.events.Rank(lockFamily, rankEvents)
	s.mu.Rank(lockFamily, rankSocket)
	if s.ctx, s.private, err = newContext(&cfg); err != nil {
		return nil, fmt.Errorf("cannot make a libzmq context: %w", err)
	}
	s.poller = -1
	if s.private {
		s.poller = findPoller(s.ctx)
	}
	if s.soc, err = s.ctx.NewSocket(typ); err != nil {
		s.endContext()
		return nil, fmt.Errorf("cannot make a libzmq socket: %w", err)
	}
	if err = s.prepare(setup); err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

// prepare takes every step between the making of soc and its first message.
func (s *socket) prepare(setup func(*zmq.Socket) error) (err error) {
	if err = s.options(); err != nil {
		return fmt.Errorf("cannot set up a libzmq socket: %w", err)
	}
	if err = setup(s.soc); err != nil {
		return fmt.Errorf("cannot set up a libzmq socket: %w", err)
	}
	if s.watcher, err = newWatcher(s.soc); err != nil {
		return err
	}
	if s.monitor, err = openMonitor(s); err != nil {
		return err
	}
	for i, a := range s.cfg.Bind {
		if err = s.bind(a, s.plain[i]); err != nil {
			return err
		}
	}
	for _, a := range s.cfg.Connect {
		if err = s.soc.Connect(a); err != nil {
			return addressError("connect to", a, err)
		}
		if strings.HasPrefix(a, "inproc:") {
			// libzmq reports nothing of inproc, where connecting is all there is.
			s.emit(carrier.Event{Kind: carrier.Connected, Peer: s.monitor.addPeer(a), Address: a})
		}
	}
	return nil
}

// bare makes the addresses of c those that libzmq knows: without the prefix plain+, and with
// absolute paths, because libzmq would resolve relative ones in the working directory of the moment
// at which it connects again. plain tells which of Bind were given with the prefix. Where all
// addresses were, there are no keys; a socket of libzmq cannot have them at some only.
func bare(c carrier.Config) (_ carrier.Config, plain []bool, err error) {
	var open, locked string // an address that was given with the prefix, and one without
	c.Bind, c.Connect = slices.Clone(c.Bind), slices.Clone(c.Connect)
	for k, texts := range [][]string{c.Bind, c.Connect} {
		for i, text := range texts {
			a, err := address.Parse(text)
			if err == nil {
				err = a.Resolve()
			}
			if err != nil {
				return c, nil, err
			}
			texts[i] = address.Bare(text)
			if a.Transport == "ipc" {
				texts[i] = "ipc://" + a.Path
			}
			if k == 0 {
				plain = append(plain, a.Plain)
			}
			if a.Plain {
				open = text
			} else {
				locked = text
			}
		}
	}
	switch {
	case c.Curve == nil || open == "":
	case locked == "":
		c.Curve = nil
	default:
		return c, nil, fmt.Errorf("%w: %s beside %s, which uses the keys of curve.*: a socket of libzmq has one security for all its addresses (engine zmtp has one for each)",
			carrier.ErrUnsupported, open, locked)
	}
	return c, plain, nil
}

// bind binds one address. libzmq replaces any socket file, even one that a program listens
// at, so ipcfile looks first; and it leaves its own file behind, which abandon removes.
func (s *socket) bind(a string, plain bool) error {
	bind := func() error { return s.soc.Bind(a) }
	path, ipc := strings.CutPrefix(a, "ipc://")
	named := ipc && path != "*" && !strings.HasPrefix(path, "@")
	var err error
	if named {
		err = ipcfile.Bind(path, bind)
	} else {
		err = bind()
	}
	if err != nil {
		return addressError("bind", a, err)
	}
	if named {
		made, _ := os.Lstat(path)
		s.files = append(s.files, socketFile{path, made})
	}
	resolved, err := s.soc.GetLastEndpoint()
	if err != nil {
		return err
	}
	s.endpoints = append(s.endpoints, address.Prefixed(resolved, plain))
	return nil
}

// socketFile is a file that was made for a socket bound to an ipc address.
type socketFile struct {
	path string
	made os.FileInfo
}

// options sets the options of both sides. ZMQ_IMMEDIATE ends a pipe with its connection:
// otherwise messages pile up, uncounted, for a peer that has lost its subscriptions.
func (s *socket) options() error {
	c := &s.cfg
	set := []error{s.soc.SetLinger(0), s.soc.SetImmediate(true)}
	if c.MaxMessage > 0 {
		set = append(set, s.soc.SetMaxmsgsize(c.MaxMessage))
	}
	for _, o := range []struct {
		value time.Duration
		apply func(time.Duration) error
	}{
		{c.HandshakeTimeout, s.soc.SetHandshakeIvl},
		{c.ReconnectMin, s.soc.SetReconnectIvl},
		{c.ReconnectMax, s.soc.SetReconnectIvlMax},
	} {
		if o.value > 0 {
			set = append(set, o.apply(o.value))
		}
	}
	for _, a := range append(c.Bind[:len(c.Bind):len(c.Bind)], c.Connect...) {
		if strings.Contains(a, "[") {
			set = append(set, s.soc.SetIpv6(true))
			break
		}
	}
	return errors.Join(append(set, s.keepAlive(), s.secure())...)
}

// secure sets the keys of CURVE. libzmq plays one part per socket, and asks another program of
// the process (ZAP, RFC 27) which clients it knows; here it knows all.
func (s *socket) secure() error {
	if s.cfg.Access != nil {
		return fmt.Errorf("%w: the option policy (engine zmtp has it)", carrier.ErrUnsupported)
	}
	keys := s.cfg.Curve
	switch {
	case keys == nil:
		return nil
	case !zmq.HasCurve():
		return fmt.Errorf("%w: this libzmq was built without CURVE", carrier.ErrUnsupported)
	}
	if err := allEncrypted(s.cfg.Bind, s.cfg.Connect); err != nil {
		return err
	}
	switch {
	case keys.Clients == nil:
		return errors.Join(s.soc.SetCurveServerkey(keys.Server.String()), s.soc.SetCurvePublickey(keys.Pair.Public.String()),
			s.soc.SetCurveSecretkey(keys.Pair.Secret().Text()))
	case keys.Server != nil:
		return fmt.Errorf("%w: curve.server and curve.clients at one socket (engine zmtp has it)", carrier.ErrUnsupported)
	case !keys.Clients.Any():
		return fmt.Errorf("%w: curve.clients other than any (engine zmtp has it)", carrier.ErrUnsupported)
	}
	return errors.Join(s.soc.SetCurveServer(1), s.soc.SetCurveSecretkey(keys.Pair.Secret().Text()))
}

// allEncrypted checks that libzmq uses CURVE for all addresses. It ignores it for multicast and in
// the process, and would send plain text, and take messages of everyone.
func allEncrypted(lists ...[]string) error {
	for _, a := range slices.Concat(lists...) {
		transport, _, _ := strings.Cut(a, "://")
		if !slices.Contains([]string{"tcp", "ipc", "ws", "wss", "tipc"}, transport) {
			return fmt.Errorf("%w: %s with the options curve.*: it would carry plain text", carrier.ErrUnsupported, a)
		}
	}
	return nil
}

// keepAlive lets the kernel notice dead peers. ZMQ_HEARTBEAT_IVL would cost data:
// libzmq sends its PINGs to busy peers too, and one that reaches a publisher after it
// has closed makes the kernel reset the connection and drop what is still to be read.
func (s *socket) keepAlive() error {
	interval := int(s.cfg.HeartbeatInterval.Round(time.Second) / time.Second)
	if interval < 1 {
		return nil
	}
	count := max(int(s.cfg.HeartbeatTimeout/time.Second)/interval, 1)
	return errors.Join(s.soc.SetTcpKeepalive(1), s.soc.SetTcpKeepaliveIdle(interval),
		s.soc.SetTcpKeepaliveIntvl(interval), s.soc.SetTcpKeepaliveCnt(count))
}

// watch runs turn in a goroutine of the socket whenever libzmq may have something to do,
// until turn reports that it is over.
func (s *socket) watch(turn func() (over bool)) {
	s.done.Add(1)
	safe.Go(s.fail, func() {
		defer s.done.Done()
		s.watcher.run(turn)
	})
}

func (s *socket) emit(e carrier.Event) {
	if s.cfg.OnEvent == nil {
		return
	}
	s.events.Lock()
	defer s.events.Unlock()
	s.cfg.OnEvent(e)
}

func (s *socket) fail(err error) {
	s.broken.Do(func() {
		if s.cfg.OnFailure != nil {
			s.cfg.OnFailure(err)
		}
	})
}

// Endpoints lists what is bound.
func (s *socket) Endpoints() []string { return append([]string(nil), s.endpoints...) }

// Peers lists the connections that the monitor has seen. libzmq has neither counters nor
// subscriptions of a single peer.
func (s *socket) Peers() []carrier.Peer { return s.monitor.list() }

// shut ends the watcher's goroutine. It reports false where another call has done so.
func (s *socket) shut() bool {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		s.watcher.wake()
	}
	s.done.Wait()
	return first
}

// dispose closes the socket and, where the context is its own, waits until libzmq has sent
// its queues, for linger at most. After shut no other goroutine uses the socket, so mu is
// not held meanwhile.
func (s *socket) dispose(linger time.Duration) {
	s.mu.Lock()
	_ = s.soc.SetLinger(linger)
	s.mu.Unlock()
	s.abandon()
}

func (s *socket) abandon() {
	if s.monitor != nil {
		s.monitor.close(s.soc)
	}
	for _, a := range s.endpoints {
		if a = address.Bare(a); strings.HasPrefix(a, "inproc:") {
			// Close alone lets the address go only later, in a thread of libzmq.
			_ = s.soc.Unbind(a)
		}
	}
	for _, f := range s.files {
		ipcfile.Remove(f.path, f.made)
	}
	s.files = nil
	_ = s.soc.Close()
	if s.watcher != nil {
		s.watcher.close()
	}
	s.endContext()
}

func (s *socket) endContext() {
	if s.private {
		fds.UntrackPoller(s.poller) // what lingers is kept by a child that is forked now
		_ = s.ctx.Term()
	}
}
