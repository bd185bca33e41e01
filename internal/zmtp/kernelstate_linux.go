// On Linux TCP_INFO tells of acknowledgements and retransmissions.

package zmtp

import (
	"syscall"
	"time"
	"unsafe"
)

// tcpInfo is the head of Linux's struct tcp_info (linux/tcp.h).
type tcpInfo struct {
	state, caState, retransmits, probes, backoff, options, windowScale, flags uint8

	rto, ato, sndMSS, rcvMSS                               uint32
	unacked, sacked, lost, retrans, fackets                uint32
	lastDataSent, lastAckSent, lastDataRecv, lastAckRecvMS uint32
}

// queryKernel asks for the state of a socket.
func queryKernel(fd uintptr, isTCP bool) (k kernelState) {
	var unsent int32
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&unsent))); errno == 0 {
		k.unsent = int(unsent)
	}
	if !isTCP {
		return k
	}
	var info tcpInfo
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno == 0 {
		k.sinceAck = time.Duration(info.lastAckRecvMS) * time.Millisecond
		k.retransmitting = info.retransmits > 0 || info.probes > 0
	}
	return k
}

// hasUnread reports whether the kernel has received bytes that have not been read.
func hasUnread(fd uintptr) bool {
	var unread int32
	_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&unread)))
	return unread > 0
}
