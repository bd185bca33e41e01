package carrier

import "errors"

// What opening a socket can fail with, besides errors of the operating system. A
// carrier wraps these, and syscall.Errno values such as EADDRINUSE, with the
// address concerned.
var (
	ErrAddress     = errors.New("bad address")
	ErrUnsupported = errors.New("not supported by this carrier")
	ErrClosed      = errors.New("socket is closed")
)
