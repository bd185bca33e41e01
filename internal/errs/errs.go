// Package errs has the errors of hermes: a code, as hermes.h numbers them, and a text that
// says what failed, for which object and why. Packages below core return them where a
// caller of the library gets them as they are; core exports the same types by alias.
package errs

import (
	"errors"
	"fmt"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Code says what kind of failure an Error is. The numbers are those of hermes.h.
type Code int32

// The codes; hermes.h says what each means.
const (
	OK         Code = 0
	EINVAL     Code = -1
	EBADHANDLE Code = -2
	ESTATE     Code = -3
	EADDRESS   Code = -4
	EADDRINUSE Code = -5
	EOPTION    Code = -6
	EUTF8      Code = -7
	EJSON      Code = -8
	EFULL      Code = -9
	ETIMEOUT   Code = -10
	ESTOPPED   Code = -11
	EFORKED    Code = -12
	EINTERNAL  Code = -13
	ENOMEM     Code = -14
	ERANGE     Code = -15
	ETOOBIG    Code = -16
	ENOTSUP    Code = -17
	EIO        Code = -18
	EACCES     Code = -19
	EAUTH      Code = -20
)

// Error is what every failing function of package core returns.
type Error struct {
	Code Code
	Text string // names the culprit
	Err  error  // the cause, where there is one underneath
}

func (e *Error) Error() string { return e.Text }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is compare codes: errors.Is(err, &Error{Code: ETIMEOUT}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// CodeOf is the code of an error: OK for nil, EINTERNAL for one that is not ours.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return EINTERNAL
}

// Errorf makes an Error. As with fmt.Errorf, %w names the cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Text: err.Error(), Err: errors.Unwrap(err)}
}

// Open classifies what a carrier says when a socket cannot be opened.
func Open(who string, err error) *Error {
	code := EIO
	switch {
	case errors.Is(err, errno.EADDRINUSE):
		return Errorf(EADDRINUSE, "%s: %w; another program listens there: stop it, or choose another address", who, err)
	case errors.Is(err, carrier.ErrAddress), errors.Is(err, carrier.ErrUnsupported):
		code = EADDRESS
	}
	if errors.Is(err, errno.EMFILE) {
		return &Error{Code: code, Text: who + ": " + fds.Describe(err), Err: err}
	}
	return Errorf(code, "%s: %w", who, err)
}

// Text classifies what the wire says of a topic, an origin, or data.
func Text(what string, err error) *Error {
	switch {
	case errors.Is(err, wire.ErrUTF8):
		return Errorf(EUTF8, "%s is %w", what, err)
	case errors.Is(err, wire.ErrJSON):
		return Errorf(EJSON, "%s is %w", what, err)
	}
	return Errorf(EINVAL, "%s: %w", what, err)
}
