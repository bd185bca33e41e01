package core

import (
	"fmt"

	"github.com/hermes-zmq/hermes/internal/errs"
)

// Error is what every failing function of this package returns. Its fields are Code, which
// says what kind of failure it is; Text, which says what failed, for which object, and why;
// and Err, the cause, or nil. errors.Is compares codes:
// errors.Is(err, &Error{Code: ETIMEOUT}).
type Error = errs.Error

// Code says what kind of failure an Error is. The numbers are those of hermes.h.
type Code = errs.Code

// The codes; hermes.h says what each means.
const (
	OK         = errs.OK
	EINVAL     = errs.EINVAL
	EBADHANDLE = errs.EBADHANDLE
	ESTATE     = errs.ESTATE
	EADDRESS   = errs.EADDRESS
	EADDRINUSE = errs.EADDRINUSE
	EOPTION    = errs.EOPTION
	EUTF8      = errs.EUTF8
	EJSON      = errs.EJSON
	EFULL      = errs.EFULL
	ETIMEOUT   = errs.ETIMEOUT
	ESTOPPED   = errs.ESTOPPED
	EFORKED    = errs.EFORKED
	EINTERNAL  = errs.EINTERNAL
	ENOMEM     = errs.ENOMEM
	ERANGE     = errs.ERANGE
	ETOOBIG    = errs.ETOOBIG
	ENOTSUP    = errs.ENOTSUP
	EIO        = errs.EIO
	EACCES     = errs.EACCES
	EAUTH      = errs.EAUTH
)

// CodeOf is the code of an error: OK for nil, EINTERNAL for one that is not an Error.
func CodeOf(err error) Code { return errs.CodeOf(err) }

func errorf(code Code, format string, args ...any) *Error { return errs.Errorf(code, format, args...) }

// excerpt shows the beginning of a text that is wrong.
func excerpt(text []byte) string {
	const most = 40
	if len(text) > most {
		return fmt.Sprintf("%q...", text[:most])
	}
	return fmt.Sprintf("%q", text)
}
