package zmtp

import (
	"fmt"
	"net"
	"syscall"
	"time"
	"unsafe"
)

// pulse looks after the peers at regular times: asks silent ones for a sign of life
// and gives up those that are gone.
func (s *socket) pulse() {
	step := s.cfg.HeartbeatTimeout
	if s.cfg.HeartbeatInterval > 0 {
		step = min(step, s.cfg.HeartbeatInterval)
	}
	t := time.NewTicker(min(max(step/4, 5*time.Millisecond), time.Second))
	defer t.Stop()
	for {
		select {
		case <-t.C:
			now := s.clock()
			for _, c := range *s.peers.Load() {
				c.check(now)
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// check is one look at one peer.
func (c *conn) check(now int64) {
	if c.busy.Load() {
		c.sound(now) // it may well have said something, and we do not listen
		return
	}
	heard := c.heard.Load()
	silent := time.Duration(now - heard)
	if ttl := time.Duration(c.ttl.Load()); ttl > 0 && silent > ttl && !c.io.unread() {
		c.abort(fmt.Errorf("silent for longer than the %v that the peer announced", ttl))
		return
	}
	cfg := &c.s.cfg
	if cfg.HeartbeatInterval < 0 {
		return
	}
	if c.waited(now, heard) >= cfg.HeartbeatTimeout && c.gone(cfg.HeartbeatTimeout) {
		c.abort(fmt.Errorf("no sign of life for %v", silent.Round(time.Millisecond)))
		return
	}
	if c.minor >= 1 && silent >= cfg.HeartbeatInterval && time.Duration(now-c.askedLast) >= cfg.HeartbeatInterval {
		if c.asked <= heard {
			c.asked = now
		}
		c.askedLast = now
		c.ask()
	}
}

// sound gives a peer that nobody listens to a sign of life: what it asks waits unread,
// and without an answer it would take us for dead.
func (c *conn) sound(now int64) {
	every := c.s.cfg.HeartbeatInterval
	if every > 0 && c.minor >= 1 && time.Duration(now-c.askedLast) >= every {
		c.askedLast = now
		c.ask()
	}
}

// waited is how long an answer has been waited for. Peers of ZMTP 3.0 cannot be
// asked; what they are sent is taken for a question.
func (c *conn) waited(now, heard int64) time.Duration {
	switch {
	case c.minor < 1:
		return time.Duration(now - heard)
	case c.asked <= heard:
		return 0
	}
	return time.Duration(now - c.asked)
}

// ask sends a PING, unless one cannot get through anyway.
func (c *conn) ask() {
	c.out.mu.Lock()
	if c.out.dead || c.out.commands > maxControl {
		c.out.mu.Unlock()
		return
	}
	c.out.addCommand(appendPing(nil))
	c.kick()
}

// gone judges a peer that has been silent for too long. One that does not even
// read, because its program is busy or stopped, cannot have seen our PING: as long
// as its system answers it is slow, and not gone.
// And one that has sent what is not read yet is there: this program was suspended, or
// the machine is too busy to run its goroutines.
func (c *conn) gone(limit time.Duration) bool {
	if c.io.unread() {
		return false
	}
	c.out.mu.Lock()
	waiting := c.out.bytes > 0
	c.out.mu.Unlock()
	backlog, last, unanswered := c.io.kernelView()
	if !waiting && backlog == 0 {
		return c.minor >= 1 // others were not asked; the kernel's keep-alive takes care of them
	}
	return unanswered && last >= limit
}

// unread reports whether the kernel has bytes of the peer's that have not been read.
func (r *rawio) unread() bool {
	var in int32
	_ = r.raw.Control(func(fd uintptr) {
		_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&in)))
	})
	return in > 0
}

// tcpInfo is the head of Linux's struct tcp_info, as far as it is needed.
type tcpInfo struct {
	state, caState, retransmits, probes, backoff, options, windowScale, flags uint8

	rto, ato, sndMSS, rcvMSS                               uint32
	unacked, sacked, lost, retrans, fackets                uint32
	lastDataSent, lastAckSent, lastDataRecv, lastAckRecvMS uint32
}

// kernelView is what the kernel knows of the peer's system: how many bytes it has
// not yet taken, how long ago it last answered, and whether the kernel has asked
// again since, in vain. A Unix socket's other end never vanishes unseen.
func (r *rawio) kernelView() (backlog int, last time.Duration, unanswered bool) {
	_, isTCP := r.Conn.(*net.TCPConn)
	_ = r.raw.Control(func(fd uintptr) {
		var out int32
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&out))); errno == 0 {
			backlog = int(out)
		}
		if !isTCP {
			return
		}
		var info tcpInfo
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 {
			last = time.Duration(info.lastAckRecvMS) * time.Millisecond
			unanswered = info.retransmits > 0 || info.probes > 0
		}
	})
	return backlog, last, unanswered
}
