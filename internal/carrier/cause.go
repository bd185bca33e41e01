package carrier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/hermes-zmq/hermes/internal/errno"
)

// Cause sorts the reasons of events about peers, so that an advice can say what to check.
// The zero value is a reason of no particular kind.
type Cause uint8

// The causes.
const (
	CauseOther     Cause = iota
	CauseLeft            // the peer closed the connection: as a rule its program has ended
	CauseProbe           // the peer closed it without having sent a byte, as port scanners and health checks do
	CauseRefused         // no program listens at the address
	CauseNoRoute         // the network has no way to the host
	CauseNoAnswer        // the host, or what listens there, does not answer in time
	CauseNoName          // the host's name cannot be resolved
	CauseNoPath          // there is no such file
	CauseForbidden       // the system does not allow it
	CauseWrongType       // the socket types do not fit; Event.Type is the peer's
	CauseNotZMTP         // the peer speaks another protocol, or ZMTP 2 or older
	CauseSecurity        // the peer demands a security mechanism that this end does not have
	CauseAccess          // the peer does not let this end in: its key is not known
	CauseTLS             // the peer speaks TLS, and this end does not at this address
	CauseAuth            // the peer has not proved who it is: its key is another one, or it has none
	CauseCycle           // post offices are connected in a cycle, see Config.Office
	CauseUnknown         // the carrier does not know
)

// Fault is an error whose cause is known.
type Fault struct {
	Cause Cause
	Text  string
	Type  string // of CauseWrongType: what the peer is
	Said  string // the reason that the peer gave, or ""

	// Suspect is what the cause is if it occurs twice in succession. A peer of libzmq hangs up
	// without a reason where a key is wrong; one that ends does so once.
	Suspect Cause
}

func (f *Fault) Error() string { return f.Text }

// WithError is the event with the reason and the cause of err.
func (e Event) WithError(err error) Event {
	var f *Fault
	if errors.As(err, &f) {
		e.Type, e.Said = f.Type, f.Said
	}
	e.Reason, e.Cause = Reason(err), CauseOf(err)
	return e
}

// CauseOf sorts an error of a connection.
func CauseOf(err error) Cause {
	var f *Fault
	var dns *net.DNSError
	switch {
	case err == nil:
		return CauseOther
	case errors.As(err, &f):
		return f.Cause
	case errors.As(err, &dns):
		return CauseNoName
	case errors.Is(err, errno.ECONNREFUSED):
		return CauseRefused
	case errors.Is(err, errno.EHOSTUNREACH), errors.Is(err, errno.ENETUNREACH),
		errors.Is(err, errno.EHOSTDOWN), errors.Is(err, errno.ENETDOWN):
		return CauseNoRoute
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errno.ETIMEDOUT):
		return CauseNoAnswer
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return CauseNoPath
	case errors.Is(err, os.ErrPermission):
		return CauseForbidden
	case errors.Is(err, io.EOF), errors.Is(err, errno.ECONNRESET), errors.Is(err, errno.EPIPE):
		return CauseLeft
	}
	return CauseOther
}

// Reason is the text of a connection's error for people: what went wrong, without the names
// of calls and addresses that Go puts in front.
func Reason(err error) string {
	var dns *net.DNSError
	var number syscall.Errno
	var op *net.OpError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("no host is named %q", dns.Name)
	case errors.As(err, &dns):
		return fmt.Sprintf("cannot resolve the host %q: %s", dns.Name, dns.Err)
	case errors.As(err, &op) && errors.As(err, &number):
		return number.Error()
	case errors.As(err, &op) && op.Timeout():
		return "no answer in time"
	}
	return err.Error()
}
