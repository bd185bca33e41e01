// On Unix the errors are those of package syscall.

//go:build unix

package errno

import "syscall"

// The errors of connecting, listening, reading and writing.
const (
	EADDRINUSE    = syscall.EADDRINUSE
	EADDRNOTAVAIL = syscall.EADDRNOTAVAIL
	EAFNOSUPPORT  = syscall.EAFNOSUPPORT
	EINVAL        = syscall.EINVAL
	ENOTSOCK      = syscall.ENOTSOCK

	ECONNREFUSED = syscall.ECONNREFUSED
	ECONNRESET   = syscall.ECONNRESET
	EHOSTDOWN    = syscall.EHOSTDOWN
	EHOSTUNREACH = syscall.EHOSTUNREACH
	ENETDOWN     = syscall.ENETDOWN
	ENETUNREACH  = syscall.ENETUNREACH
	ETIMEDOUT    = syscall.ETIMEDOUT

	EMFILE = syscall.EMFILE
	ENOSPC = syscall.ENOSPC
	EPIPE  = syscall.EPIPE // the program that reads has closed a pipe
)

var lacking = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}
