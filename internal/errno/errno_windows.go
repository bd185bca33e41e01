// On Windows those of sockets are Winsock's, and those of files the system's own.

package errno

import "golang.org/x/sys/windows"

// The errors of connecting, listening, reading and writing.
const (
	EADDRINUSE    = windows.WSAEADDRINUSE
	EADDRNOTAVAIL = windows.WSAEADDRNOTAVAIL
	EAFNOSUPPORT  = windows.WSAEAFNOSUPPORT
	EINVAL        = windows.WSAEINVAL
	ENOTSOCK      = windows.WSAENOTSOCK

	ECONNREFUSED = windows.WSAECONNREFUSED
	ECONNRESET   = windows.WSAECONNRESET
	EHOSTDOWN    = windows.WSAEHOSTDOWN
	EHOSTUNREACH = windows.WSAEHOSTUNREACH
	ENETDOWN     = windows.WSAENETDOWN
	ENETUNREACH  = windows.WSAENETUNREACH
	ETIMEDOUT    = windows.WSAETIMEDOUT

	EMFILE = windows.WSAEMFILE
	ENOSPC = windows.ERROR_DISK_FULL
	EPIPE  = windows.ERROR_NO_DATA // the program that reads has closed a pipe
)

var lacking = []error{windows.WSAEMFILE, windows.WSAENOBUFS, windows.ERROR_TOO_MANY_OPEN_FILES,
	windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_NO_SYSTEM_RESOURCES}
