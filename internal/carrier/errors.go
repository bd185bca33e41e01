package carrier

import (
	"errors"
	"fmt"
)

// The errors of opening a socket, besides those of the operating system. A
// carrier wraps these, and syscall.Errno values such as EADDRINUSE, with the
// address concerned.
var (
	ErrAddress     = errors.New("bad address")
	ErrUnsupported = errors.New("not supported by this engine")
	ErrHistory     = fmt.Errorf("%w: history", ErrUnsupported) // an Inlet that asks for it
	ErrClosed      = errors.New("socket is closed")
)
