// What Windows has in place of an eventfd.

package fds

import (
	"errors"
	"net"
)

// socketPair is a connection of this process with itself over the loopback interface.
type socketPair struct{ reader, writer *net.TCPConn }

// maxForeign bounds how many connections of other programs are turned away.
const maxForeign = 16

func newSocketPair() (*socketPair, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	writer, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		return nil, err
	}
	for range maxForeign { // any program of this machine may have connected meanwhile
		reader, err := l.AcceptTCP()
		if err != nil {
			_ = writer.Close()
			return nil, err
		}
		if reader.RemoteAddr().String() == writer.LocalAddr().String() {
			return &socketPair{reader, writer}, nil
		}
		_ = reader.Close()
	}
	_ = writer.Close()
	return nil, errors.New("other programs connect to the port that was opened for this one")
}

// number is the SOCKET of one end.
func (p *socketPair) number(end *net.TCPConn) (number int) {
	raw, err := end.SyscallConn()
	if err != nil {
		return -1
	}
	_ = raw.Control(func(fd uintptr) { number = int(fd) })
	return number
}

func (p *socketPair) close() {
	_ = p.writer.Close()
	_ = p.reader.Close()
}
