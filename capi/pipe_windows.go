package main

import (
	"errors"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Of ws2_32.dll, which package windows lacks.
var (
	winsock     = windows.NewLazySystemDLL("ws2_32.dll")
	ioctlsocket = winsock.NewProc("ioctlsocket")
	send        = winsock.NewProc("send")
)

const fionbio = 0x8004667e // FIONBIO of ioctlsocket: whether the socket blocks

// errTaken is that of a pair of which another program has taken one end.
var errTaken = errors.New("another program has connected to the socket first")

// newPipe makes a pair of sockets and returns the library's end and the host's SOCKET. There is no
// socketpair(): the two are connected over the loopback interface.
func newPipe() (*pipe, int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, -1, err
	}
	defer func() { _ = listener.Close() }()
	host, own, err := connectTo(listener.Addr().(*net.TCPAddr))
	if err != nil {
		return nil, -1, err
	}
	end, err := listener.Accept()
	if err != nil {
		closeHostsEnd(host)
		return nil, -1, err
	}
	p := &pipe{end: end}
	switch {
	case end.RemoteAddr().(*net.TCPAddr).Port != own:
		err = errTaken
	default:
		p.raw, err = end.(*net.TCPConn).SyscallConn()
	}
	if err == nil {
		err = p.raw.Control(func(fd uintptr) { err = doNotBlock(windows.Handle(fd)) })
	}
	if err != nil {
		p.close()
		closeHostsEnd(host)
		return nil, -1, err
	}
	return p, host, nil
}

// connectTo makes a SOCKET that Go does not know, and that does not block, connected to an
// address, and tells its own port.
func connectTo(address *net.TCPAddr) (host, port int, err error) {
	fd, err := windows.WSASocket(windows.AF_INET, windows.SOCK_STREAM, windows.IPPROTO_TCP, nil, 0,
		windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return -1, 0, os.NewSyscallError("socket", err)
	}
	to := &windows.SockaddrInet4{Port: address.Port, Addr: [4]byte(address.IP.To4())}
	if err = windows.Connect(fd, to); err == nil {
		err = doNotBlock(fd)
	}
	var from windows.Sockaddr
	if err == nil {
		from, err = windows.Getsockname(fd)
	}
	if err != nil {
		_ = windows.Closesocket(fd)
		return -1, 0, os.NewSyscallError("connect", err)
	}
	return int(fd), from.(*windows.SockaddrInet4).Port, nil
}

// doNotBlock makes a socket not block. What Go reads from it is overlapped, and waits all the same.
func doNotBlock(fd windows.Handle) error {
	one := uint32(1)
	if failed, _, err := ioctlsocket.Call(uintptr(fd), fionbio, uintptr(unsafe.Pointer(&one))); failed != 0 {
		return os.NewSyscallError("ioctlsocket", err)
	}
	return nil
}

// close closes the library's end. It is called once.
func (p *pipe) close() { _ = p.end.Close() }

// sendByte writes a byte to the library's end, unless that would block.
func sendByte(fd uintptr) {
	var zero [1]byte
	_, _, _ = syscall.SyscallN(send.Addr(), fd, uintptr(unsafe.Pointer(&zero)), 1, 0)
}

// closeHostsEnd closes the SOCKET that newPipe has returned.
func closeHostsEnd(fd int) { _ = windows.Closesocket(windows.Handle(fd)) }
