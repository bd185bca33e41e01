package core

import "github.com/hermes-zmq/hermes/internal/herr"

// Error is what every failing function of this package returns. Its fields are Code, which
// says what kind of failure it is; Text, which says what failed, for which object, and why;
// and Err, the cause, or nil. errors.Is compares codes:
// errors.Is(err, &Error{Code: ETIMEOUT}).
type Error = herr.Error

// Code says what kind of failure an Error is. The numbers are those of hermes.h.
type Code = herr.Code

// The codes; hermes.h says what each means.
const (
	OK         = herr.OK
	EINVAL     = herr.EINVAL
	EBADHANDLE = herr.EBADHANDLE
	ESTATE     = herr.ESTATE
	EADDRESS   = herr.EADDRESS
	EADDRINUSE = herr.EADDRINUSE
	EOPTION    = herr.EOPTION
	EUTF8      = herr.EUTF8
	EJSON      = herr.EJSON
	EFULL      = herr.EFULL
	ETIMEOUT   = herr.ETIMEOUT
	ESTOPPED   = herr.ESTOPPED
	EFORKED    = herr.EFORKED
	EINTERNAL  = herr.EINTERNAL
	ENOMEM     = herr.ENOMEM
	ERANGE     = herr.ERANGE
	ETOOBIG    = herr.ETOOBIG
	ENOTSUP    = herr.ENOTSUP
	EIO        = herr.EIO
)

// CodeOf is the code of an error: OK for nil, EINTERNAL for one that is not an Error.
func CodeOf(err error) Code { return herr.CodeOf(err) }

func errorf(code Code, format string, args ...any) *Error { return herr.Errorf(code, format, args...) }
